# SPDX-License-Identifier: GPL-2.0-only
"""Every page with what it is for, on the page of a real master, in a real browser; what the data API says is played."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from answers import NOW
from answers_fleet import fleet
from looking import AXE, PAGES, serious, settled, show, turn_to, wide
from playwright.sync_api import Page, expect
from scenes import busy_day, frozen, hostile, quiet, taken_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Looked

    from buildbot_cd.cli.demo.site import Site

pytestmark = [pytest.mark.e2e]


KEPT = os.environ.get("CD_SCREENSHOTS")
"""A folder for the pictures of every page, at both widths in both themes."""


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_is_sound(bare: Site, look: Callable[..., Looked], width: int) -> None:
    """At both widths and in both themes no page complains, overflows, or has a serious finding of axe-core."""
    assert AXE.is_file(), "run `make ui`"
    looked = look(width)
    page = looked.page
    stage = show(bare, page, busy_day(), "/cd")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for name in PAGES:
            stage.scene = taken_back() if name in ("landing", "rollout") and theme == "dark" else busy_day()
            turn_to(bare, page, name)
            settled(page)
            assert page.locator(".bbcd").get_attribute("data-bbcd-theme") == theme
            assert wide(page) <= 0, (name, theme)
            keep(page, f"{name}-{width}-{theme}")
            # What is only there at one width is looked at in one theme: colours are the theme's at every width.
            if (width, theme) in ((1440, "light"), (390, "dark")):
                assert serious(page) == [], name
    assert looked.complaints == []


def keep(page: Page, name: str) -> None:
    """A picture of the whole page, where somebody wants them."""
    if KEPT:
        Path(KEPT).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(KEPT) / f"{name}.png", full_page=True)


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


def test_hostile_text_stays_text(bare: Site, look: Callable[..., Looked]) -> None:
    """A commit, a host, a metric or a test that is named like a script is shown as it is written, and runs nowhere."""
    looked = look()
    page = looked.page
    show(bare, page, hostile(), "/cd")
    for name in PAGES:
        turn_to(bare, page, name)
        settled(page)
        page.evaluate("document.querySelectorAll('.bbcd details').forEach((one) => { one.open = true })")
        if name == "rollout":
            page.get_by_role("button", name="Table").click()
            expect(page.locator(".bbcd-hosts tbody")).to_contain_text("<img")
        assert page.evaluate("window.cdPwned === undefined"), name
        assert page.locator(".bbcd img, .bbcd script").count() == 0, name
        assert page.locator(".bbcd").inner_text().count("<img") > 0 or name == "history", name
        assert wide(page) <= 0, name
    assert looked.complaints == []
