# SPDX-License-Identifier: GPL-2.0-only
"""Every page in every state, on the page of a real master, in a real browser; what the data API says is played."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from answers import NOW, fleet, proof
from playwright.sync_api import Page, expect
from scenes import Scene, busy_day, frozen, hostile, quiet, taken_back
from stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Looked

    from buildbot_cd.cli.demo.site import Site

pytestmark = [pytest.mark.e2e]

AXE = Path(__file__).parents[2] / "buildbot_cd/www/ui/node_modules/axe-core/axe.min.js"
PAGES = {
    "now": "/cd",
    "landings": "/cd/landings",
    "landing": "/cd/landings/57",
    "rollouts": "/cd/rollouts",
    "rollout": "/cd/rollouts/12",
    "tests": "/cd/tests",
    "incidents": "/cd/incidents",
    "incident": "/cd/incidents/1",
    "history": "/cd/history",
}
SCENES = {"busy": busy_day, "back": taken_back, "frozen": frozen, "quiet": quiet}
KEPT = os.environ.get("CD_SCREENSHOTS")
"""A folder for the pictures of every page, at both widths in both themes."""
SIZES = [(1440, "light"), (390, "dark"), *([(1440, "dark"), (390, "light")] if KEPT else [])]


def show(site: Site, page: Page, scene: Scene, route: str) -> Stage:
    """Open a page of the plugin with this scene behind it."""
    stage = Stage(scene)
    stage.attach(page)
    page.goto(f"{site.url}/#{route}")
    return stage


def settled(page: Page) -> None:
    """Nothing on the page is loading any more."""
    expect(page.locator(".bbcd-main")).to_be_visible()
    expect(page.locator(".bbcd-loading")).to_have_count(0)


def wide(page: Page) -> int:
    """By how many pixels our part of the page is wider than its place."""
    return int(
        page.evaluate("(() => { const e = document.querySelector('.bbcd'); return e.scrollWidth - e.clientWidth })()")
    )


def serious(page: Page) -> list[str]:
    """What axe-core finds in our part of the page, of weight serious or critical."""
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run('.bbcd', {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("width", "theme"), SIZES)
def test_every_page_is_sound(bare: Site, look: Callable[..., Looked], width: int, theme: str) -> None:
    """At both widths and in both themes no page complains, overflows, or has a serious finding of axe-core."""
    looked = look(width, theme)
    assert AXE.is_file(), "run `make ui`"
    for name, route in PAGES.items():
        scene = "back" if name in ("landing", "rollout") and theme == "dark" else "busy"
        show(bare, looked.page, SCENES[scene](), route)
        settled(looked.page)
        if KEPT:
            Path(KEPT).mkdir(parents=True, exist_ok=True)
            looked.page.screenshot(path=Path(KEPT) / f"{name}-{width}-{theme}.png", full_page=True)
        assert looked.page.locator(".bbcd").get_attribute("data-bbcd-theme") == theme
        assert wide(looked.page) <= 0, name
        assert serious(looked.page) == [], name
    assert looked.complaints == []


def test_now_answers_whether_it_is_safe_to_push(bare: Site, look: Callable[..., Looked]) -> None:
    """The banner says open, frozen with who and why, or what is being taken back; each landing is at its place."""
    page = look().page
    stage = show(bare, page, busy_day(), "/cd")
    expect(page.get_by_role("heading", name="Open, testing #58, deploying #57")).to_be_visible()
    expect(page.locator(".bbcd-station", has_text="Canary")).to_contain_text("Invoices in the customer's own language")
    expect(page.locator(".bbcd-station", has_text="Test").first).to_contain_text("81 of 120 tests")
    expect(page.locator(".bbcd-queue tbody tr")).to_have_count(6)
    stage.scene = frozen()
    stage.send("cd/gates/trunk/moved", {"gate": "trunk", "reason": "frozen", "actor": "ada", "landings": []})
    expect(page.get_by_role("heading", name="Frozen by ada")).to_be_visible()
    expect(page.locator(".bbcd-banner")).to_contain_text("The database moves to the new rack.")
    stage.scene = taken_back()
    stage.send("cd/gates/trunk/moved", {"gate": "trunk", "reason": "x", "actor": "gate", "landings": [57]})
    expect(page.get_by_role("heading", name="Taking back #57")).to_be_visible()
    stage.scene = quiet()
    stage.send("cd/gates/trunk/moved", {"gate": "trunk", "reason": "x", "actor": "gate", "landings": []})
    expect(page.get_by_text("Nothing is on its way")).to_be_visible()


def test_a_rollout_shows_its_verdict_and_every_host(bare: Site, look: Callable[..., Looked]) -> None:
    """The verdict comes first; hosts can be filtered, walked by keyboard and read as a table; gaps are said."""
    page = look().page
    show(bare, page, taken_back(), "/cd/rollouts/12")
    expect(page.get_by_role("heading", level=1)).to_have_text("Rolling back: errors")
    expect(page.locator(".bbcd-metric").first).to_contain_text("1 gap")
    page.get_by_role("button", name="Failed 1").click()
    expect(page.get_by_text("1 of 800 hosts")).to_be_visible()
    page.get_by_role("button", name="Table").click()
    expect(page.locator(".bbcd-hosts tbody tr")).to_have_count(1)
    expect(page.locator(".bbcd-hosts tbody")).to_contain_text("health check answered 503 for 15 s")
    page.get_by_role("button", name="Failed 1").click()
    page.get_by_role("button", name="Picture").click()
    page.get_by_role("application").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".bbcd-hostline")).to_contain_text("api-001")
    page.keyboard.press("/")
    page.keyboard.type("worker-79")
    expect(page.get_by_text("3 of 800 hosts")).to_be_visible()


def test_batches_of_hosts_change_the_picture(bare: Site, look: Callable[..., Looked]) -> None:
    """800 hosts that switch in batches are all there in the end, though they are told while the fleet is being read."""
    page = look().page
    scene = busy_day()
    scene.fleets[12] = fleet(12, {})
    stage = show(bare, page, scene, "/cd/rollouts/12")
    expect(page.get_by_role("button", name="Old 800")).to_be_visible()
    columns = [*scene.fleets[12]["columns"], "error"]
    names = [row[0] for row in scene.fleets[12]["hosts"]]
    for start in range(0, 800, 40):
        rows = [
            [name, "web", "fleet", "r57", "r57", "r56", "healthy", "new", NOW, ""] for name in names[start : start + 40]
        ]
        stage.send("cd/rollouts/12/hosts", {"rollout": 12, "at": NOW, "columns": columns, "rows": rows})
    expect(page.get_by_role("button", name="New 800")).to_be_visible()


def test_a_landing_shows_its_evidence_and_its_tests(bare: Site, look: Callable[..., Looked]) -> None:
    """What speaks against it comes first; its way has durations; each test says why it ran and on which worker."""
    page = look().page
    show(bare, page, taken_back(), "/cd/landings/57")
    expect(page.get_by_role("region", name="Taken back from production")).to_contain_text("errors")
    expect(page.locator(".bbcd-legs li")).to_have_count(6)
    expect(page.get_by_text("Tag payments is missing in the commit")).to_be_visible()
    page.get_by_text("120 tests, with the reason for each").click()
    page.get_by_label("Filter tests").fill("case_119")
    expect(page.locator(".bbcd-dense tbody tr")).to_have_count(1)
    expect(page.locator(".bbcd-dense tbody")).to_contain_text("tag checkout")


def test_history_can_be_taken_away(bare: Site, look: Callable[..., Looked]) -> None:
    """Figures come with their counts, and landings as CSV that a spreadsheet does not run."""
    page = look().page
    scene = busy_day()
    scene.landings[0]["subject"] = '=HYPERLINK("http://evil.example")'
    show(bare, page, scene, "/cd/history")
    page.get_by_role("button", name="30 days").click()
    expect(page.locator(".bbcd-tiles")).to_contain_text("live in 30 days")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Landings as CSV").click()
    text = Path(waiting.value.path()).read_text("utf-8-sig")
    assert text.startswith("id,gate,head,engineer,subject,")
    assert "\"'=HYPERLINK(" in text
    assert len(text.splitlines()) == 1 + len(scene.landings)


@pytest.mark.parametrize("route", PAGES.values())
def test_hostile_text_stays_text(bare: Site, look: Callable[..., Looked], route: str) -> None:
    """A commit, a host, a metric or a test that is named like a script is shown as it is written, and runs nowhere."""
    looked = look()
    show(bare, looked.page, hostile(), route)
    settled(looked.page)
    assert looked.page.evaluate("window.cdPwned === undefined")
    assert looked.page.locator(".bbcd img, .bbcd script").count() == 0
    assert looked.page.locator(".bbcd").inner_text().count("<img") > 0 or route == "/cd/history"
    assert wide(looked.page) <= 0
    assert looked.complaints == []


# -- states


def test_loading_is_drawn(bare: Site, look: Callable[..., Looked]) -> None:
    """While the master has not answered yet, the page shows that it is reading."""
    page = look().page
    stage = Stage(busy_day(), pending={"cd/gates"})
    stage.attach(page)
    page.goto(f"{bare.url}/#/cd")
    expect(page.get_by_role("status", name="Loading").first).to_be_visible()


def test_a_master_without_a_gate_says_so(bare: Site, look: Callable[..., Looked]) -> None:
    """What the master refuses is shown in the master's own words, with a way to try again."""
    page = look().page
    stage = Stage(busy_day(), fail={"cd/gates": (404, {"error": "this master has no continuous deployment"})})
    stage.attach(page)
    page.goto(f"{bare.url}/#/cd")
    expect(page.get_by_text("this master has no continuous deployment")).to_be_visible()
    stage.fail.clear()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Open, testing #58, deploying #57")).to_be_visible()


def test_one_panel_that_fails_leaves_the_others_alone(bare: Site, look: Callable[..., Looked]) -> None:
    """The metrics of a rollout may be gone, and its hosts are shown all the same."""
    page = look().page
    stage = Stage(busy_day(), fail={"cd/rollouts/12/samples": (500, {"error": "the log is gone"})})
    stage.attach(page)
    page.goto(f"{bare.url}/#/cd/rollouts/12")
    expect(page.get_by_text("the log is gone")).to_be_visible()
    expect(page.get_by_role("button", name="New 35")).to_be_visible()


def test_an_error_of_a_page_stays_on_it(bare: Site, look: Callable[..., Looked]) -> None:
    """An answer that nobody foresaw takes the page's content and says so; tabs and Buildbot's menu still lead away."""
    page = look().page
    scene = busy_day()
    scene.rollouts[0]["stages"] = None
    show(bare, page, scene, "/cd/rollouts/12")
    expect(page.get_by_text("This page has an error of its own")).to_be_visible()
    page.goto(f"{bare.url}/#/about")
    expect(page.get_by_text("About this Buildbot")).to_be_visible()
    expect(page.locator("body[data-bbcd-page]")).to_have_count(0)


def test_a_master_that_is_away_leaves_the_page_with_its_age(bare: Site, look: Callable[..., Looked]) -> None:
    """Without the link there is a banner with the moment, and what was known stays; it goes when the master is back."""
    page = look().page
    stage = show(bare, page, busy_day(), "/cd")
    expect(page.get_by_role("heading", name="Open, testing #58, deploying #57")).to_be_visible()
    expect(page.locator(".bbcd-queue tbody tr")).to_have_count(6)
    stage.silent = True
    assert stage.socket is not None
    stage.socket.close()
    expect(page.get_by_text("the connection to the master is lost")).to_be_visible()
    page.get_by_role("button", name="Connect now").click()
    expect(page.locator(".bbcd-queue tbody tr")).to_have_count(6)
    stage.silent, stage.scene = False, frozen()
    expect(page.get_by_role("heading", name="Frozen by ada")).to_be_visible()
    expect(page.get_by_text("the connection to the master is lost")).to_have_count(0)
    assert stage.sockets >= 2


# -- acting


def params(stage: Stage) -> tuple[str, str, dict[str, Any]]:
    """The only order that was given: address, method, parameters."""
    ((path, body),) = stage.acts
    return path, body["method"], body["params"]


def test_a_rollback_says_from_to_and_how_many(bare: Site, look: Callable[..., Looked]) -> None:
    """It needs a reason, and carries the state that was seen."""
    page = look().page
    stage = show(bare, page, busy_day(), "/cd/rollouts/12")
    page.get_by_role("button", name="New 35").wait_for()
    page.get_by_role("button", name="Roll back").click()
    dialog = page.get_by_role("dialog", name="Roll back")
    expect(dialog).to_contain_text("r56-")
    expect(dialog).to_contain_text("35 of 800 hosts")
    expect(dialog.get_by_role("button", name="Roll back now")).to_be_disabled()
    dialog.get_by_label("Reason").fill("carts are lost")
    dialog.get_by_role("button", name="Roll back now").click()
    expect(dialog).to_have_count(0)
    assert params(stage) == ("cd/rollouts/12", "roll_back", {"expect": "watching", "reason": "carts are lost"})


def test_a_freeze_may_end_by_itself(bare: Site, look: Callable[..., Looked]) -> None:
    """Reason and end are sent; a refusal by the rules is shown, and nothing is lost of what was typed."""
    page = look().page
    stage = show(bare, page, busy_day(), "/cd")
    stage.fail["POST cd/gates/trunk"] = (400, {"error": {"code": -32002, "message": "the gate is closed by now"}})
    page.get_by_role("button", name="Freeze").click()
    dialog = page.get_by_role("dialog", name="Freeze")
    dialog.get_by_label("Reason").fill("the database moves")
    dialog.get_by_label("Ends by itself").select_option(label="in 2 hours")
    dialog.get_by_role("button", name="Freeze the gate").click()
    expect(dialog.get_by_role("alert")).to_have_text("Nothing was done: the gate is closed by now")
    expect(dialog.get_by_label("Reason")).to_have_value("the database moves")
    path, method, sent = params(stage)
    assert (path, method, sent["expect"], sent["reason"]) == ("cd/gates/trunk", "freeze", "open", "the database moves")
    assert abs(sent["until"] - (page.evaluate("Date.now() / 1000") + 7200)) < 60


def test_a_dialog_over_what_has_changed_cannot_be_confirmed(bare: Site, look: Callable[..., Looked]) -> None:
    """Somebody else was quicker: the open dialog says so and sends nothing."""
    page = look().page
    stage = show(bare, page, busy_day(), "/cd")
    page.get_by_role("button", name="Freeze").click()
    dialog = page.get_by_role("dialog", name="Freeze")
    dialog.get_by_label("Reason").fill("me too")
    stage.scene = frozen()
    stage.send("cd/gates/trunk/moved", {"gate": "trunk", "reason": "x", "actor": "ada", "landings": []})
    expect(dialog.get_by_role("alert")).to_contain_text("This has changed while the dialog was open")
    expect(dialog.get_by_role("button", name="Freeze the gate")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert stage.acts == []


def test_who_is_not_permitted_is_told_once(bare: Site, look: Callable[..., Looked]) -> None:
    """After a refusal the button is disabled and says why."""
    page = look().page
    stage = show(bare, page, busy_day(), "/cd")
    stage.fail["POST cd/gates/trunk"] = (403, {"error": {"code": -32600, "message": "only operators may halt"}})
    page.get_by_role("button", name="Halt").click()
    dialog = page.get_by_role("dialog", name="Halt")
    dialog.get_by_label("Reason").fill("x")
    dialog.get_by_role("button", name="Halt the gate").click()
    expect(dialog.get_by_role("alert")).to_have_text("only operators may halt")
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Halt")).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_text("Not permitted: only operators may halt.").first).to_be_visible()


def test_who_may_not_is_told_before_trying(bare: Site, look: Callable[..., Looked]) -> None:
    """The master is asked for the rights of all that is on the page at once; a closed button says why."""
    page = look().page
    stage = Stage(busy_day(), may_not={"freeze": "you need to have role 'operator'", "hold": ""})
    stage.attach(page)
    page.goto(f"{bare.url}/#/cd")
    freeze = page.get_by_role("button", name="Freeze")
    expect(freeze).to_have_attribute("aria-disabled", "true")
    expect(page.locator(".bbcd-banner")).to_contain_text("Not permitted: you need to have role 'operator'.")
    freeze.click(force=True)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Halt", exact=True)).to_have_attribute("aria-disabled", "false")
    expect(page.get_by_role("button", name="Hold").first).to_have_attribute("aria-disabled", "false")
    assert stage.acts == []
    assert stage.permits <= 2


def test_a_watch_can_be_ended_early(bare: Site, look: Callable[..., Looked]) -> None:
    """Promote says what it skips, needs a reason, and carries the version that was seen."""
    page = look().page
    scene = busy_day()
    scene.rollouts[0]["can"] = ["promote", "roll_back"]
    stage = show(bare, page, scene, "/cd/rollouts/12")
    page.get_by_role("button", name="Promote").click()
    dialog = page.get_by_role("dialog", name="Promote")
    expect(dialog).to_contain_text("Ends the watch of this stage at its next look")
    dialog.get_by_label("Reason").fill("traffic is too low to tell more")
    dialog.get_by_role("button", name="End the watch").click()
    expect(dialog).to_have_count(0)
    sent = {"expect": scene.rollouts[0]["version"], "reason": "traffic is too low to tell more"}
    assert params(stage) == ("cd/rollouts/12", "promote", sent)


def test_a_landing_that_waits_can_be_hurried(bare: Site, look: Callable[..., Looked]) -> None:
    """The fast lane is an order like the others, and says what it does not skip."""
    page = look().page
    scene = busy_day()
    scene.landings[-1]["can"] = ["hold", "emergency"]
    stage = show(bare, page, scene, f"/cd/landings/{scene.landings[-1]['id']}")
    page.get_by_role("button", name="Emergency").click()
    dialog = page.get_by_role("dialog", name="Emergency")
    expect(dialog).to_contain_text("It skips no test and no canary")
    dialog.get_by_label("Reason").fill("checkout is down")
    dialog.get_by_role("button", name="Put it into the fast lane").click()
    expect(dialog).to_have_count(0)
    assert params(stage)[1:] == ("emergency", {"expect": 7, "reason": "checkout is down"})


# -- incidents


def test_overdue_incidents_come_first(bare: Site, look: Callable[..., Looked]) -> None:
    """Each says what is missing; closed ones are shown when they are asked for."""
    page = look().page
    show(bare, page, busy_day(), "/cd/incidents")
    rows = page.locator(".bbcd-list > li")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Overdue")
    expect(rows.first).to_contain_text("2 d overdue")
    expect(rows.nth(1)).to_contain_text("No regression test is named.")
    page.get_by_role("button", name="Closed ones too").click()
    expect(rows).to_have_count(3)
    expect(rows.nth(2)).to_contain_text("closed after 2 d")


def test_a_named_test_is_run_on_both_revisions(bare: Site, look: Callable[..., Looked]) -> None:
    """Naming and running is one step; what the runs show is drawn, and the page follows the events."""
    page = look().page
    stage = show(bare, page, busy_day(), "/cd/incidents/3")
    expect(page.get_by_role("heading", level=1)).to_have_text("metric orders per minute")
    expect(page.locator(".bbcd-legs li")).to_have_count(8)
    page.get_by_label("Regression test").fill("tests/test_orders.py::test_flow")
    page.get_by_role("button", name="Run it on both").click()
    expect(page.get_by_role("button", name="Run it on both")).to_be_enabled()
    assert [(body["method"], body["params"]) for _, body in stage.acts] == [
        ("name_test", {"expect": 4, "test": "tests/test_orders.py::test_flow"}),
        ("prove", {"expect": 5}),
    ]
    says = "It fails on the bad revision and passes on trunk."
    found = proof("pytest:tests/test_orders.py::test_flow", "failed", "passed", says)
    stage.scene.incidents[2].update(state="closed", open=False, closed_at=NOW, proof=found, can=["answer"], obstacle="")
    stage.send("cd/incidents/3/closed", {"id": 3})
    expect(page.locator(".bbcd-proof")).to_contain_text(says)
    expect(page.locator(".bbcd-proof-side.bbcd-tone-good")).to_have_count(2)
    expect(page.get_by_text("Closed after 3 d")).to_be_visible()


def test_a_why_is_answered_and_a_refusal_keeps_what_was_typed(bare: Site, look: Callable[..., Looked]) -> None:
    """The master refuses an answer that names somebody; nothing of the text is lost."""
    page = look().page
    stage = show(bare, page, busy_day(), "/cd/incidents/3")
    stage.fail["POST cd/incidents/3"] = (400, {"error": {"code": -32001, "message": "the answer names a person"}})
    page.get_by_role("button", name="Answer: Why did nothing stop it there?").click()
    field = page.get_by_label("Why did nothing stop it there?", exact=True)
    field.fill("ada@shop.example did it")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("the answer names a person")
    expect(field).to_have_value("ada@shop.example did it")
    stage.fail.clear()
    field.fill("No test renews a session.")
    page.get_by_role("button", name="Save").click()
    expect(field).to_have_count(0)
    sent = {"expect": 4, "why": 3, "text": "No test renews a session."}
    assert stage.acts[-1] == ("cd/incidents/3", {"jsonrpc": "2.0", "id": 1, "method": "answer", "params": sent})


def test_who_is_not_signed_in_is_asked_to(bare: Site, look: Callable[..., Looked]) -> None:
    """Where one can sign in, nothing can be ordered before."""
    page = look().page
    config = json.dumps({"anonymous": True})
    page.add_init_script(
        f"""Object.defineProperty(window, 'buildbotFrontendConfig', {{ set(v) {{ this._c = v }}, get() {{
            return this._c && {{ ...this._c, user: {config}, auth: {{ name: 'GitHub', autologin: false }} }} }} }})"""
    )
    show(bare, page, busy_day(), "/cd")
    expect(page.get_by_role("button", name="Freeze")).to_have_attribute("aria-disabled", "true")
    expect(page.locator(".bbcd-banner")).to_contain_text("Sign in to act.")


def test_the_keyboard_goes_everywhere(bare: Site, look: Callable[..., Looked]) -> None:
    """The letter g and another go to a page, ? lists the keys, and a field that is typed into is left alone."""
    page = look().page
    show(bare, page, busy_day(), "/cd")
    page.get_by_role("heading", name="Open, testing #58, deploying #57").wait_for()
    page.keyboard.type("gh")
    expect(page.locator(".bbcd-tiles")).to_be_visible()
    page.keyboard.type("gl")
    page.keyboard.press("/")
    page.keyboard.type("gn")
    expect(page.get_by_label("Landings of this address")).to_have_value("gn")
    page.get_by_label("Landings of this address").blur()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
