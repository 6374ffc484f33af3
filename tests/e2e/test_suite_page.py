# SPDX-License-Identifier: GPL-2.0-only
"""The page Tests: all tests over many runs, what was learnt of them, and the rules that are proposed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from answers_tests import PATCH, capacity
from looking import serious, settled, show, wide
from playwright.sync_api import expect
from scenes import busy_day

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Looked

    from buildbot_cd.cli.demo.site import Site

pytestmark = [pytest.mark.e2e]


def test_tests_are_looked_at_in_four_ways(bare: Site, look: Callable[..., Looked]) -> None:
    """Slowest, flakiest, stalest, never selected; the address keeps which; any words filter; more can be read."""
    looked = look()
    page = looked.page
    stage = show(bare, page, busy_day(), "/cd/tests")
    rows = page.locator(".bbcd-suite tbody tr")
    expect(rows).to_have_count(25)
    slowest = max(stage.scene.suite, key=lambda one: one["seconds"] or 0)
    expect(rows.first).to_contain_text(slowest["nid"].rpartition("::")[2])
    expect(page.locator(".bbcd-suite th[aria-sort=descending]")).to_have_text("Takes")
    page.get_by_role("button", name="Show 100 more").click()
    expect(rows).to_have_count(125)
    page.get_by_role("button", name="Flakiest").click()
    expect(page.locator(".bbcd-suite th[aria-sort=descending]")).to_have_text("Flakes")
    expect(rows).to_have_count(25)
    expect(rows.first.locator("[data-name=flakes]")).to_have_text("4")
    expect(rows.filter(has_text="in quarantine until")).to_have_count(1)
    page.get_by_role("button", name="Stalest").click()
    expect(rows.first.locator("[data-name=passed]")).to_have_text("never")
    page.get_by_role("button", name="Never selected").click()
    expect(rows.first.locator("[data-name=selected]")).to_have_text("never")
    page.get_by_role("heading", name="All tests").click()
    page.keyboard.press("/")
    page.keyboard.type("SIGNUP case_1003")
    expect(page.get_by_text("No test matches this filter")).to_be_visible()
    page.get_by_label("Filter tests").fill("case_13 SEARCH")
    expect(page.get_by_text("with “case_13 SEARCH” in the name")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Never selected")).to_have_attribute("aria-pressed", "true")
    assert looked.complaints == []


def test_what_was_learnt_is_told_with_its_counts(bare: Site, look: Callable[..., Looked]) -> None:
    """The map's age, what 1, 4, 8 and 12 minutes find, how many workers it takes, and what to split."""
    page = look().page
    stage = show(bare, page, busy_day(), "/cd/tests")
    settled(page)
    expect(page.locator(".bbcd-tiles")).to_contain_text("median of 1,896 tests")
    expect(page.locator(".bbcd-tiles")).to_contain_text("6 % of all")
    expect(page.locator(".bbcd-shares li")).to_have_text(
        ["38 %in 1 min", "74 %in 4 min", "90 %in 8 min", "96 %in 12 min"]
    )
    workers = page.get_by_role("region", name="How many workers")
    expect(workers).to_contain_text("2 workers more, 6 in all, and 95 of 100 runs end within 12 min.")
    expect(workers).to_contain_text(
        "Today 4 workers: half of the runs within 12 min 23 s, 95 of 100 within 14 min 44 s."
    )
    expect(workers.locator(".bbcd-split li").first).to_contain_text("test_whole_order")
    expect(page.locator(".bbcd-chart canvas")).to_have_count(2)
    stage.scene.capacity = capacity(workers=None)
    page.reload()
    expect(workers).to_contain_text("On no number of workers up to 200 would 95 of 100 runs end within 12 min")


def test_a_proposed_rule_can_be_taken_along(bare: Site, look: Callable[..., Looked]) -> None:
    """Escapes of one rule are one; its patch is copied as it is; what cannot be patched says so."""
    looked = look(permissions=["clipboard-read", "clipboard-write"])
    page = looked.page
    show(bare, page, busy_day(), "/cd/tests")
    rules = page.locator(".bbcd-rule")
    expect(rules).to_have_count(2)
    expect(rules.first).to_contain_text("2 escapes")
    rules.first.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(rules.first).to_contain_text("Tag checkout was not declared.")
    expect(rules.first.get_by_role("link", name="#49")).to_be_visible()
    rules.first.get_by_role("button", name="Copy the patch").click()
    expect(rules.first.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == PATCH
    rules.nth(1).locator("summary").click()
    expect(rules.nth(1)).to_contain_text("add the rule by hand")
    assert serious(page) == []
    page.set_viewport_size({"width": 390, "height": 900})
    assert wide(page) <= 0
    page.evaluate("delete Object.getPrototypeOf(navigator).clipboard")
    rules.first.get_by_role("button", name="Copy the patch").click()
    expect(rules.first.get_by_role("status")).to_contain_text("copy it with the keyboard")
    assert page.evaluate("getSelection().toString()").strip() == PATCH.strip()
    assert looked.complaints == []


def test_parts_of_the_page_fail_alone(bare: Site, look: Callable[..., Looked]) -> None:
    """Where the capacity cannot be reckoned, or the list not be read, the rest is there, and each says so by itself."""
    page = look().page
    gone = {"cd/gates/trunk/capacity": (500, {"error": "the runs are gone"})}
    stage = show(bare, page, busy_day(), "/cd/tests", fail=gone)
    expect(page.get_by_role("region", name="How many workers")).to_contain_text("the runs are gone")
    expect(page.locator(".bbcd-suite tbody tr")).to_have_count(25)
    stage.fail = {"cd/gates/trunk/suite": (500, {"error": "the list is gone"})}
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # somebody comes back to the tab
    expect(page.get_by_role("region", name="All tests")).to_contain_text("the list is gone")
    expect(page.locator(".bbcd-suite tbody tr")).to_have_count(25)
