# SPDX-License-Identifier: GPL-2.0-only
"""The pages over a whole master at work: a push goes live under an open page, and the master dies under it."""

from __future__ import annotations

import base64
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

import pytest
from looking import order
from playwright.sync_api import Locator, Page, Route, expect

from buildbot_cd.testing.yard import Yard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Looked

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.timeout(300)]

SLOW = 60_000
"""How long a push may take to its next station on a busy machine, in milliseconds."""


@pytest.fixture
def yard(bundle: None, tmp_path: Path) -> Iterator[Yard]:
    """A repository, a master that offers the pages by itself, workers and six hosts; each test starts them."""
    made = Yard(tmp_path)
    made.found()
    try:
        yield made
    finally:
        made.site.stop()


def deaf(page: Page) -> None:
    """From now on this page hears nothing of the master any more, but may still speak to it."""

    def only_posts(route: Route) -> None:
        if route.request.method == "GET":
            route.abort("connectionrefused")
        else:
            route.continue_()

    page.route("**/api/v2/cd/**", only_posts)


METRICS = """import json, sys, time
tenths = int(time.time() * 10)
print(json.dumps({host: {"requests": 10 * tenths, "errors": tenths // 10} for host in sys.argv[1:]}))
"""
"""Every host answers 100 requests a second, one with an error."""

HOSTILE = "<img src=x onerror='window.cdPwned=1'>"


def watched(yard: Yard) -> dict[str, Any]:
    """Sections of cd.yaml: canaries, and afterwards the whole fleet, are watched for longer than any test takes."""
    program = yard.barriers / "metrics.py"
    program.write_text(METRICS, encoding="utf-8")
    source = {"command": [sys.executable, str(program), *yard.host_names], "every": "500ms"}
    errors = {"name": "errors", "events": "errors", "per": "requests", "bad": "up"}
    return {
        "immune": {"source": source, "baseline": "1s", "settle": "20m", "metrics": [errors]},
        "rollout": [{"stage": "canary", "hosts": 2, "watch": "20m"}, {"stage": "fleet", "hosts": "all"}],
    }


def test_a_push_goes_live_under_an_open_page(yard: Yard, look: Callable[..., Looked]) -> None:
    """Nobody reloads: freeze, queue, test, canaries, promote, a killed master, the whole fleet, and the way back."""
    yard.start(**watched(yard))
    looked, other = look(), look()
    page, stale = looked.page, other.page
    stale.route_web_socket("**/ws", lambda socket: socket.close())
    for one in (page, stale):
        one.goto(f"{yard.site.url}/#/cd")
        expect(one.get_by_role("heading", name="Open and free")).to_be_visible(timeout=SLOW)
    deaf(stale)
    order(page, "Freeze", "Freeze the gate", "the <b>database</b> moves")
    expect(page.get_by_role("heading", name="Frozen by anonymous")).to_be_visible()
    expect(page.get_by_text("The <b>database</b> moves.")).to_be_visible()
    _stale_tab_cannot_act(stale)
    _to_the_canaries(yard, page)
    host = _promoted(yard, page)
    assert looked.complaints == []
    _master_dies(yard, page, host)
    # A master that is killed breaks off what was being read from it, at whatever place, and refuses until it is back:
    # the browser has a name for each place. Only around the kill; any other error is the page's own.
    cut_off = ("ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONTENT_LENGTH_MISMATCH")
    gone = ("ERR_CONNECTION", "ERR_SOCKET_NOT_CONNECTED", *cut_off, "WebSocket")
    assert [one for one in looked.complaints if not any(word in one for word in gone)] == []
    looked.complaints.clear()
    _back_again(yard, page)
    assert looked.complaints == []


def _stale_tab_cannot_act(stale: Page) -> None:
    """It still shows an open gate; the master knows better, and says so."""
    stale.get_by_role("button", name="Halt", exact=True).click()
    dialog = stale.get_by_role("dialog", name="Halt")
    dialog.get_by_label("Reason").fill("I did not see the freeze")
    dialog.get_by_role("button", name="Halt the gate").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing was done")
    expect(dialog.get_by_role("alert")).to_contain_text("closed")


def _to_the_canaries(yard: Yard, page: Page) -> None:
    yard.close("test_last")
    yard.push("ada", "more", "<script>alert(1)</script> A change\n\nTags: app\n")
    row = page.locator(".bbcd-queue tbody tr")
    expect(row).to_contain_text("<script>alert(1)</script> A change", timeout=SLOW)
    order(page, "Resume", "Open the gate", "")
    station = page.locator(".bbcd-station", has=page.get_by_role("heading", name="Test", exact=True))
    expect(station).to_contain_text("7 tests", timeout=SLOW)
    yard.open("test_last")
    page.locator(".bbcd-progress-link").click(timeout=SLOW)
    expect(page.get_by_text("6 hosts").first).to_be_visible()


def _promoted(yard: Yard, page: Page) -> str:
    """Somebody ends the watch of the canaries; the name of the first other host, which waits to be switched then."""
    expect(page.get_by_role("button", name="New 2")).to_be_visible(timeout=SLOW)
    expect(page.locator(".bbcd-metric").first).to_contain_text("errors", timeout=SLOW)
    host = str(yard.rows("SELECT host FROM cd_rollout_host WHERE stage = 'fleet'")[0][0])
    yard.close(f"restart-{host}")
    order(page, "Promote", "End the watch", f"enough seen {HOSTILE}")
    yard.reached(f"restart-{host}")
    (ended,) = yard.rows("SELECT promoted FROM cd_rollout")
    assert ended == (f"canary: by anonymous: enough seen {HOSTILE}",)
    expect(page.get_by_role("button", name="Promote")).to_have_count(0)
    expect(page.get_by_role("button", name="Roll back")).to_be_visible()
    return host


def _master_dies(yard: Yard, page: Page, host: str) -> None:
    yard.site.kill("master")
    expect(page.get_by_text("the connection to the master is lost")).to_be_visible()
    yard.open(f"restart-{host}")
    yard.site.start_master()
    expect(page.get_by_role("heading", name="Live on 6 hosts")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="New 6")).to_be_visible()
    expect(page.get_by_text("the connection to the master is lost")).to_have_count(0, timeout=SLOW)


def _back_again(yard: Yard, page: Page) -> None:
    """While the fleet is watched on, somebody takes all of it back; whatever a host is called, it is text."""
    order(page, "Roll back", "Roll back now", f"carts are lost {HOSTILE}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Rolled back by rollout 2", timeout=SLOW)
    page.get_by_role("link", name="To rollout 2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rolled back")
    expect(page.get_by_role("button", name="Rolled back 6")).to_be_visible()
    assert yard.releases() == {"r0"}
    # cd.yaml and inventories take no such name, so it comes as from a database that somebody has been at.
    with sqlite3.connect(yard.site.master / "state.sqlite") as base:
        base.execute("UPDATE cd_rollout_host SET host = ? WHERE rollout = 2 AND host = 'web-6'", (f"{HOSTILE} host",))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # somebody comes back to the tab
    page.get_by_role("button", name="Table").click()
    expect(page.locator(".bbcd-hosts tbody")).to_contain_text(f"{HOSTILE} host")
    page.keyboard.type("gn")
    expect(page.get_by_role("heading", name="Open and free")).to_be_visible(timeout=SLOW)
    ended = page.locator(".bbcd-list li").first
    expect(ended).to_contain_text("Reverted")
    expect(ended).to_contain_text(f"carts are lost {HOSTILE}")
    assert page.evaluate("window.cdPwned === undefined")


ROLES = """
c["www"]["auth"] = util.UserPasswordAuth({"ada@shop.example": "secret", "oscar": "secret"})
c["www"]["authz"] = util.Authz(
    allowRules=[
        util.cd.LandingEndpointMatcher(role="owner", actions=["hold", "release", "withdraw"], defaultDeny=False),
        util.cd.IncidentEndpointMatcher(role="*"),
        util.cd.ControlEndpointMatcher(role="operator"),
    ],
    roleMatchers=[
        util.RolesFromUsername(roles=["operator"], usernames=["oscar"]),
        util.RolesFromUsername(roles=["engineer"], usernames=["ada@shop.example"]),
        util.RolesFromOwner(role="owner"),
    ],
)
"""
"""An engineer may hold what is hers, an operator everything; incidents are open to whoever is signed in."""

def signed_in(yard: Yard, look: Callable[..., Looked], name: str) -> Looked:
    """The page Now, for somebody who has signed in."""
    looked = look()
    word = base64.b64encode(f"{name}:secret".encode()).decode()
    answer = looked.page.request.get(
        f"{yard.site.url}/auth/login", headers={"Authorization": f"Basic {word}"}, max_redirects=0
    )
    assert answer.status == 302
    looked.page.goto(f"{yard.site.url}/#/cd")
    return looked


def test_two_people_with_different_roles(yard: Yard, look: Callable[..., Looked]) -> None:
    """Each is shown before trying what they may; what one does, the other sees, and the master refuses what it must."""
    yard.start(ROLES)
    ada, oscar = (signed_in(yard, look, name) for name in ("ada@shop.example", "oscar"))
    for one in (ada, oscar):
        expect(one.page.get_by_role("heading", name="Open and free")).to_be_visible(timeout=SLOW)
    expect(ada.page.get_by_role("button", name="Freeze")).to_have_attribute("aria-disabled", "true")
    expect(ada.page.locator(".bbcd-banner")).to_contain_text("Not permitted: you need to have role 'operator'.")
    expect(oscar.page.get_by_role("button", name="Freeze")).to_have_attribute("aria-disabled", "false")
    order(oscar.page, "Freeze", "Freeze the gate", f"the move {HOSTILE}")
    expect(ada.page.get_by_role("heading", name="Frozen by oscar")).to_be_visible()
    yard.push("ada", "one", f"{HOSTILE} mine\n\nTags: app\n")
    yard.push("grace", "two", f"{HOSTILE} hers\n\nTags: app\n", path="grace.txt")
    mine, hers = (ada.page.locator(".bbcd-queue tbody tr", has_text=text) for text in ("mine", "hers"))
    expect(hers).to_be_visible(timeout=SLOW)
    expect(hers.get_by_role("button", name="Hold")).to_have_attribute("aria-disabled", "true")
    expect(mine.get_by_role("button", name="Emergency")).to_have_attribute("aria-disabled", "true")
    mine.get_by_role("button", name="Hold").click()
    dialog = ada.page.get_by_role("dialog", name="Hold")
    dialog.get_by_label("Reason").fill("marketing")
    dialog.get_by_role("button", name="Hold it").click()
    expect(oscar.page.locator(".bbcd-queue tbody tr", has_text="mine")).to_contain_text("marketing")
    refused = ada.page.evaluate(FORCED, "cd/gates/trunk")
    assert refused == [403, "you need to have role 'operator'"]
    _oscar_hurries(oscar.page)
    _ada_withdraws(mine, oscar.page)
    for one in (ada, oscar):
        assert one.page.evaluate("window.cdPwned === undefined")
    assert oscar.complaints == []


FORCED = """async (path) => {
    const body = JSON.stringify({jsonrpc: '2.0', id: 1, method: 'halt', params: {reason: 'x'}});
    const answer = await fetch(`api/v2/${path}`, {method: 'POST', body, headers: {'content-type': 'application/json'}});
    return [answer.status, (await answer.json()).error.message];
}"""
"""An order past the page's buttons."""


def _oscar_hurries(page: Page) -> None:
    """An operator puts the later push before the earlier one."""
    row = page.locator(".bbcd-queue tbody tr", has_text="hers")
    row.get_by_role("button", name="Emergency").click()
    dialog = page.get_by_role("dialog", name="Emergency")
    dialog.get_by_label("Reason").fill("checkout is down")
    dialog.get_by_role("button", name="Put it into the fast lane").click()
    expect(page.locator(".bbcd-queue tbody tr").first).to_contain_text("hers")


def _ada_withdraws(mine: Locator, other: Page) -> None:
    """What is hers she may take back herself: a commit on trunk reverts it, which the operator sees."""
    mine.get_by_role("button", name="Withdraw").click()
    mine.page.get_by_role("dialog", name="Withdraw").get_by_role("button", name="Withdraw it").click()
    expect(other.locator(".bbcd-list li", has_text="mine")).to_contain_text("Reverted", timeout=SLOW)
    expect(mine).to_have_count(0)
