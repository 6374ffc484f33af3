# SPDX-License-Identifier: GPL-2.0-only
"""When incidents open and close, and that nobody's word closes one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from buildbot_cd.core.incident import (
    DUE,
    Cause,
    Incident,
    Line,
    Side,
    Standing,
    answered,
    begun,
    cause_of,
    nameable,
    named,
    obstacle,
    overdue,
    proved,
    subject_of,
    timeline,
)
from buildbot_cd.errors import ControlRefused

OPEN = Incident(1, "shop/7", "shop", 7, Cause.REVERT, "t.py::test_a", "b" * 40, 100.0, 100.0 + DUE)
READY = replace(OPEN, test="pytest:t.py::test_a", state=Standing.PROVING)


def shown(bad: str, trunk: str) -> Incident:
    """The incident after runs that ended so."""
    return proved(READY, Side("b", bad, 3), Side("t", trunk, 4), 500.0)


@pytest.mark.parametrize(
    ("state", "kind", "cause"),
    [
        ("reverting", "test", Cause.REVERT),
        ("rolling_back", "deploy", Cause.ROLLBACK),
        ("reverting", "deploy", Cause.ROLLBACK),
        ("reverting", "withdraw", None),
        ("reverting", "dependent", None),
        ("reverting", "reland", None),
        ("testing", "", None),
        ("reverted", "test", None),
    ],
)
def test_what_the_gate_takes_back_by_its_own_judgement_opens_one(state: str, kind: str, cause: Cause | None) -> None:
    """A withdrawal, what went along with another landing, and a patch that was judged before open nothing."""
    assert cause_of(state, kind) is cause


def test_it_closes_only_on_a_failure_on_the_bad_revision_and_a_pass_on_trunk() -> None:
    """Every other pair of outcomes leaves it open, with the reason."""
    closed = shown("failed", "passed")
    assert (closed.state, closed.closed_at, closed.proof["holds"]) == (Standing.CLOSED, 500.0, True)
    for bad, trunk, why in [
        ("passed", "passed", "passes on the bad revision too"),
        ("skipped", "passed", "ended with skipped"),
        ("error", "passed", "ended with error"),
        ("missing", "passed", "ended with missing"),
        ("failed", "failed", "On trunk it ended with failed"),
        ("failed", "skipped", "On trunk it ended with skipped"),
        ("failed", "missing", "Trunk has no such test"),
        ("unknown", "unknown", "On trunk it ended with unknown"),
    ]:
        found = shown(bad, trunk)
        assert found.state is Standing.OPEN, (bad, trunk)
        assert why in obstacle(found), (bad, trunk)
        assert not found.proof["holds"]


def test_runs_without_an_answer_close_nothing_whatever_else_they_say() -> None:
    """Trouble with the surroundings counts before outcomes."""
    found = proved(READY, Side("b", "failed"), Side("t", "passed"), 500.0, "no worker came")
    assert (found.state, obstacle(found)) == (Standing.OPEN, "no worker came")


def test_a_proof_needs_a_test_and_a_trunk_without_the_change() -> None:
    """Each obstacle is said; while a proof runs nothing of it may change."""
    with pytest.raises(ControlRefused, match="name the regression test first"):
        begun(OPEN, gone=True)
    with pytest.raises(ControlRefused, match="still being taken back"):
        begun(named(OPEN, "t.py::test_a"), gone=False)
    running = begun(named(OPEN, "t.py::test_a"), gone=True)
    assert running.state is Standing.PROVING
    with pytest.raises(ControlRefused, match="proving"):
        named(running, "t.py::test_b")
    with pytest.raises(ControlRefused, match="proving"):
        begun(running, gone=True)


def test_another_test_forgets_what_was_shown_of_the_first() -> None:
    """An id without a runner is a pytest's; the same name again changes nothing."""
    failed = shown("passed", "passed")
    assert named(failed, "t.py::test_a").proof == failed.proof
    other = named(failed, "t.py::test_b")
    assert (other.test, other.proof) == ("pytest:t.py::test_b", {})
    assert named(OPEN, "phpunit:Cart::total").test == "phpunit:Cart::total"
    for bad in ("", " ", "a\nb", "x" * 1001):
        with pytest.raises(ControlRefused, match="one line"):
            named(OPEN, bad)


def test_five_whys_are_about_what_and_never_about_who() -> None:
    """An address is refused; a closed incident may still be answered."""
    found = answered(OPEN, 5, " the fixture hid it ")
    assert found.whys == ("", "", "", "", "the fixture hid it")
    assert answered(found, 5, "").whys == ("",) * 5
    assert answered(shown("failed", "passed"), 1, "late, but known now").whys[0]
    with pytest.raises(ControlRefused, match="names a person's address"):
        answered(OPEN, 1, "because ada@example.org pushed it")
    with pytest.raises(ControlRefused, match="numbered from 1"):
        answered(OPEN, 6, "x")
    with pytest.raises(ControlRefused, match="2000 fit"):
        answered(OPEN, 1, "x" * 2001)


def test_it_is_overdue_after_a_week() -> None:
    """A closed one never is."""
    assert not overdue(OPEN, OPEN.due_at)
    assert overdue(OPEN, OPEN.due_at + 1)
    assert not overdue(shown("failed", "passed"), OPEN.due_at + 1)


def test_its_subject_is_the_test_the_metric_or_the_change() -> None:
    """Builders and metrics are no tests that can be named."""
    assert subject_of(("pytest:t.py::test_a", "pytest:t.py::test_b"), "Fix") == "t.py::test_a and 1 more"
    assert subject_of(("metric errors",), "Fix") == "metric errors"
    assert subject_of((), "Fix the cart") == "Fix the cart"
    assert nameable(("builder:lint", "metric errors", "pytest:t.py::test_a")) == ("pytest:t.py::test_a",)


def test_a_timeline_is_in_order_and_names_nobody() -> None:
    """Names and addresses are taken out as whole words, in any case of letters."""
    told = timeline(
        [
            Line(2.0, "transition", "rolling back", "rolled back by Ada: carts of adapters are lost"),
            Line(1.0, "transition", "queued", "pushed by ada@example.org"),
            Line(2.0, "transition", "rolling back", "rolled back by Ada: carts of adapters are lost"),
        ],
        ["ada", "ada@example.org", ""],
    )
    assert [(one.at, one.text) for one in told] == [
        (1.0, "pushed by a person"),
        (2.0, "rolled back by a person: carts of adapters are lost"),
    ]
