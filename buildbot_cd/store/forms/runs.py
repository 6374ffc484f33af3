# SPDX-License-Identifier: GPL-2.0-only
"""Test runs and their queues as both stores keep them, and what both say of a claim."""

from __future__ import annotations

from collections.abc import Sequence

from buildbot_cd.errors import StoreError
from buildbot_cd.store.rows import PlannedTest, Run
from buildbot_cd.store.text import as_key, clean, clean_or_none


def new_run(ident: int, key: str, gate: str, landing: int | None, kind: str, revision: str, at: float) -> Run:
    """A PLANNING run as it comes back from the database."""
    return Run(ident, as_key(key, "test run"), clean(gate), landing, clean(kind), clean(revision), at)


def stored_tests(tests: Sequence[PlannedTest]) -> list[PlannedTest]:
    """The tests as they come back from the database. Raises StoreError if a nid comes twice."""
    stored = [
        PlannedTest(
            as_key(test.nid, "test"),
            float(test.estimate),
            float(test.rank),
            tuple(clean(nid) for nid in test.requires),
            clean_or_none(test.group),
            clean_or_none(test.avoid_worker),
            test.crashes,
        )
        for test in tests
    ]
    seen: set[str] = set()
    for test in stored:
        if test.nid in seen:
            raise StoreError(f"test {test.nid!r} was planned twice for the same run")
        seen.add(test.nid)
    return stored


def blocked_by(nid: str) -> str:
    """What a person reads of a blocked test."""
    return f"not run: it requires {nid}, which failed"


def cannot_take(nid: str) -> StoreError:
    """The error for a claim that the queue does not allow."""
    return StoreError(f"test {nid!r} cannot be taken: it is not there, taken, done, or waits for a test elsewhere")
