# SPDX-License-Identifier: GPL-2.0-only
"""What pages say while they have nothing to show, or nothing that is fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from answers import gate
from looking import PAGES, serious, settled, show, turn_to, wide
from playwright.sync_api import expect
from scenes import Scene, busy_day, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Looked

    from buildbot_cd.cli.demo.site import Site

pytestmark = [pytest.mark.e2e]


EMPTY = {
    "now": "Nothing is on its way",
    "landings": "No landing yet",
    "landing": "There is nothing here",
    "rollouts": "No rollout",
    "rollout": "There is nothing here",
    "tests": "No test has run yet",
    "incidents": "Nothing is left to be learnt",
    "incident": "There is nothing here",
    "history": "No landing ended in this window",
}
"""What each page says where there is nothing to show."""


def nothing() -> Scene:
    """A gate before its first push."""
    return Scene(gates=[gate()])


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_every_page_says_what_it_has_not(bare: Site, look: Callable[..., Looked], width: int, theme: str) -> None:
    """Reading, failing and having nothing to show are drawn on every page; axe-core finds nothing serious there."""
    page = look(width, theme).page
    stage = show(bare, page, nothing(), "/cd", pending={"*"})
    for name in PAGES:
        turn_to(bare, page, name)
        expect(page.get_by_role("status", name="Loading").first).to_be_visible()
    assert serious(page) == []
    stage.pending, stage.fail = set(), {"*": (500, {"error": "the disk is full"})}
    for name in PAGES:
        turn_to(bare, page, name)
        expect(page.locator(".bbcd-failure").first).to_contain_text("the disk is full")
        assert wide(page) <= 0, name
    assert serious(page) == []
    stage.fail = {}
    for name, said in EMPTY.items():
        turn_to(bare, page, name)
        expect(page.locator(".bbcd-empty").filter(has_text=said).first).to_be_visible()
        settled(page)
        assert wide(page) <= 0, name
        assert serious(page) == [], name


def test_every_page_says_when_it_is_not_live(bare: Site, look: Callable[..., Looked]) -> None:
    """What was known stays while the master is away, under a banner that axe-core has nothing against."""
    page = look().page
    stage = show(bare, page, busy_day(), "/cd")
    for name in PAGES:
        stage.silent = False
        turn_to(bare, page, name)
        settled(page)
        before = page.locator(".bbcd-panel").count()
        stage.lose()
        expect(page.get_by_text("the connection to the master is lost")).to_be_visible()
        assert page.locator(".bbcd-panel").count() == before > 0, name
        stage.silent = False
        page.evaluate("document.querySelector('.bbcd-banner-link button')?.click()")  # or it has connected by itself
        expect(page.get_by_text("the connection to the master is lost")).to_have_count(0)
    stage.lose()
    expect(page.get_by_text("the connection to the master is lost")).to_be_visible()
    assert serious(page) == []


def test_a_master_without_a_gate_says_so(bare: Site, look: Callable[..., Looked]) -> None:
    """What the master refuses is shown in the master's own words, with a way to try again."""
    page = look().page
    none = {"cd/gates": (404, {"error": "this master has no continuous deployment"})}
    stage = show(bare, page, busy_day(), "/cd", fail=none)
    expect(page.get_by_text("this master has no continuous deployment")).to_be_visible()
    stage.fail.clear()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Open, testing #58, deploying #57")).to_be_visible()


def test_one_panel_that_fails_leaves_the_others_alone(bare: Site, look: Callable[..., Looked]) -> None:
    """The metrics of a rollout may be gone, and its hosts are shown all the same."""
    page = look().page
    gone = {"cd/rollouts/12/samples": (500, {"error": "the log is gone"})}
    show(bare, page, busy_day(), "/cd/rollouts/12", fail=gone)
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
    stage.lose()
    expect(page.get_by_text("the connection to the master is lost")).to_be_visible()
    page.get_by_role("button", name="Connect now").click()
    expect(page.locator(".bbcd-queue tbody tr")).to_have_count(6)
    stage.silent, stage.scene = False, frozen()
    expect(page.get_by_role("heading", name="Frozen by ada")).to_be_visible()
    expect(page.get_by_text("the connection to the master is lost")).to_have_count(0)
    assert stage.sockets >= 2
