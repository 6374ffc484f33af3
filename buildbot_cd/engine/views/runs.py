# SPDX-License-Identifier: GPL-2.0-only
"""Test runs as JSON: what was selected and why, how far it is, and what would make it shorter."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from buildbot_cd.engine.views.landings import LONGEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.rows import Counts, Run, RunTest


def run_view(tx: Tx, ident: int) -> dict[str, Any] | None:
    """One run, None if there is none of this id."""
    run = tx.runs.get(ident)
    return None if run is None else _view(tx, run)


def landing_runs_view(tx: Tx, landing: int) -> list[dict[str, Any]] | None:
    """A landing's runs, None if there is no such landing."""
    if tx.landings.get(landing) is None:
        return None
    return [_view(tx, run) for run in tx.runs.for_landing(landing)]


def _view(tx: Tx, run: Run) -> dict[str, Any]:
    last, workers = tx.runs.worked(run.id)
    told = run.selection
    bound: Mapping[str, Any] = told.get("bound") or {}
    started = run.planned_at is not None and last is not None
    return {
        **{name: getattr(run, name) for name in _PLAIN},
        "state": run.state.value,
        "counts": counted(tx.runs.counts(run.id)),
        "workers": list(workers),
        "makespan": last - run.planned_at if started and run.planned_at is not None and last is not None else None,
        "binding": bound.get("binding"),
        "advice": bound.get("advice") or "",
        "selection": {
            "everything": told.get("everything"),
            "chosen": len(told.get("chosen") or ()),
            "left_out": len(told.get("left_out") or ()),
        },
        **{name: list(told.get(name) or ()) for name in ("missing_tags", "unknown_tags", "unknown_tests")},
    }


_PLAIN = (
    *("id", "landing", "gate", "kind", "revision", "created_at", "planned_at", "ended_at", "error"),
    "lower_bound",
)


def counted(counts: Counts) -> dict[str, int]:
    """The numbers of tests, with their sum."""
    return {**asdict(counts), "total": counts.waiting + counts.claimed + counts.done}


def tests_view(tx: Tx, ident: int) -> list[dict[str, Any]] | None:
    """Each test of a run, None if there is no such run."""
    run = tx.runs.get(ident)
    if run is None:
        return None
    reasons = {str(nid): list(why) for nid, why in run.selection.get("chosen") or ()}
    return [_test(one, reasons.get(one.nid, [])) for one in tx.runs.tests(ident)]


def _test(test: RunTest, reasons: list[str]) -> dict[str, Any]:
    return {
        **{name: getattr(test, name) for name in _OF_TEST},
        "requires": list(test.requires),
        "state": test.state.value,
        "reasons": reasons,
        "text": test.text[:LONGEST],
    }


_OF_TEST = (
    *("run", "nid", "position", "estimate", "rank", "group", "avoid_worker", "worker", "claimed_at", "done_at"),
    *("seconds", "outcome"),
)
