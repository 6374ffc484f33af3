# SPDX-License-Identifier: GPL-2.0-only
"""Acting on the pages: what a dialog says, what it sends, and who may not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from answers import NOW, proof
from looking import order, params, show
from playwright.sync_api import expect
from scenes import busy_day, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Looked

    from buildbot_cd.cli.demo.site import Site

pytestmark = [pytest.mark.e2e]


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
    stage = show(bare, page, busy_day(), "/cd", may_not={"freeze": "you need to have role 'operator'", "hold": ""})
    freeze = page.get_by_role("button", name="Freeze")
    expect(freeze).to_have_attribute("aria-disabled", "true")
    expect(page.locator(".bbcd-banner")).to_contain_text("Not permitted: you need to have role 'operator'.")
    freeze.click(force=True)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Halt", exact=True)).to_have_attribute("aria-disabled", "false")
    expect(page.get_by_role("button", name="Hold").first).to_have_attribute("aria-disabled", "false")
    assert stage.acts == []
    assert stage.permits <= 2


def test_a_landing_that_waits_can_be_hurried(bare: Site, look: Callable[..., Looked]) -> None:
    """The fast lane is an order like the others, and says what it does not skip."""
    page = look().page
    scene = busy_day()
    scene.landings[-1]["can"] = ["hold", "emergency"]
    stage = show(bare, page, scene, f"/cd/landings/{scene.landings[-1]['id']}")
    page.get_by_role("button", name="Emergency").click()
    expect(page.get_by_role("dialog", name="Emergency")).to_contain_text("It skips no test and no canary")
    page.keyboard.press("Escape")
    order(page, "Emergency", "Put it into the fast lane", "checkout is down")
    assert params(stage)[1:] == ("emergency", {"expect": 7, "reason": "checkout is down"})


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
