# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from buildbot_cd.plugins.steps.chunk_results import ChunkResults

A, B = "pytest:t.py::a", "pytest:t.py::b"


def heard(*events: dict[str, object], wanted: tuple[str, ...] = (A, B)) -> ChunkResults:
    """What is known after these events."""
    results = ChunkResults(wanted, lambda: 7.0)
    for event in events:
        results.note(event)
    return results


def test_results_are_given_once() -> None:
    """Each result is fresh one time, and a second one of the same test changes nothing."""
    results = heard({"event": "result", "nid": A, "outcome": "passed", "seconds": 2})
    assert [(one.nid, one.outcome, one.seconds) for one in results.fresh()] == [(A, "passed", 2.0)]
    results.note({"event": "result", "nid": A, "outcome": "failed"})
    assert results.fresh() == []
    assert results.seconds == 2.0


def test_the_running_test_is_known_until_its_result() -> None:
    """When a runner dies, the test that began and gave no result is the suspect."""
    results = heard({"event": "start", "nid": A})
    assert (results.running, results.since, results.ended) == (A, 7.0, False)
    results.note({"event": "result", "nid": A, "outcome": "passed"})
    assert results.running is None


def test_a_runner_that_ends_in_order_leaves_nothing_open() -> None:
    """A requested test without any word is missing; a blocked one is not."""
    results = heard({"event": "blocked", "nid": B}, {"event": "end", "exit": 0})
    assert results.ended
    assert [(one.nid, one.outcome) for one in results.without_answer(0)] == [(A, "missing")]


def test_a_file_passes_with_any_of_its_tests() -> None:
    """A file that was asked for as a whole passes when one of its tests has a result, whatever that is."""
    results = heard({"event": "result", "nid": A, "outcome": "failed"}, wanted=("pytest:t.py",))
    assert [(one.nid, one.outcome) for one in results.fresh()] == [("pytest:t.py", "passed")]


def test_strange_events_are_passed_over() -> None:
    """Results of tests that nobody asked for, and words that we do not know, change nothing."""
    results = heard({}, {"event": "result", "nid": "pytest:x.py::y", "outcome": "failed"}, {"event": "missing"})
    assert results.fresh() == []


def test_of_several_rounds_a_test_passes_in_the_last_or_fails_in_any() -> None:
    """What failed is told with the round, at once, and the round after it is for the others."""
    results = ChunkResults((A, B), lambda: 7.0, rounds=3)
    for nid in (A, B):
        results.note({"event": "result", "nid": nid, "outcome": "passed"})
    assert not results.another_round()  # the runner has not ended yet
    results.note({"event": "end", "exit": 0})
    assert (results.fresh(), results.another_round(), results.ended) == ([], True, False)
    results.note({"event": "result", "nid": A, "outcome": "passed"})
    results.note({"event": "result", "nid": B, "outcome": "failed", "text": "assert 1"})
    results.note({"event": "end", "exit": 1})
    assert [(one.nid, one.outcome, one.text) for one in results.fresh()] == [(B, "failed", "in run 2 of 3: assert 1")]
    assert results.another_round()
    results.note({"event": "result", "nid": A, "outcome": "passed"})
    results.note({"event": "end", "exit": 0})
    assert [(one.nid, one.outcome) for one in results.fresh()] == [(A, "passed")]
    assert not results.another_round()
