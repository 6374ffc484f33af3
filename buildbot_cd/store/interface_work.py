# SPDX-License-Identifier: GPL-2.0-only
"""The aggregates of the work done for landings: test runs, durations, rollouts, verdicts; in both stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from buildbot_cd.core.dispatch.offer import Window
    from buildbot_cd.store.rows import (
        AlikeHosts,
        Counts,
        HostRow,
        Look,
        Past,
        PlannedTest,
        Rollout,
        Run,
        RunTest,
        Share,
        TestResult,
        Verdict,
    )
    from buildbot_cd.store.wanted import Wanted


class Runs(Protocol):
    """Test runs; each is a queue from which workers take tests. An unknown run raises StoreError."""

    def create(self, key: str, gate: str, landing: int | None, kind: str, revision: str, at: float) -> Run:
        """A new run, PLANNING; the existing one if the key is known."""

    def get(self, ident: int) -> Run | None:
        """The run of this id."""

    def by_key(self, key: str) -> Run | None:
        """The run of this key."""

    def for_landing(self, landing: int) -> tuple[Run, ...]:
        """The landing's runs, by id."""

    def plan(
        self,
        ident: int,
        tests: Sequence[PlannedTest],
        selection: Mapping[str, Any],
        lower_bound: float | None,
        at: float,
    ) -> bool:
        """Give a PLANNING run its tests and let it run; False, changing nothing, if that was done before.

        Requirements outside of the run do not count. Raises StoreError if a nid comes twice.
        """

    def look(self, ident: int, window: Window) -> Look:
        """What can be claimed: as many tests as the window shows that may run, and as many that wait for others.

        Both by falling rank and then by position. Nothing of a run that is not RUNNING.
        """

    def take(
        self, ident: int, worker: str, nids: Sequence[str], at: float, lease_until: float
    ) -> tuple[PlannedTest, ...]:
        """The worker takes these tests; gives them in this order.

        A test that waits for others may be taken if the same worker holds all of these. Raises StoreError, changing
        nothing, if a test is not there, is taken or done, or waits for something else.
        """

    def deal(self, ident: int, shares: Sequence[Share], at: float) -> dict[str, tuple[PlannedTest, ...]]:
        """As `take`, for several workers at once; gives each worker's tests. Nothing of a run that is not RUNNING.

        Raises StoreError, changing nothing, also if two workers are to take one test.
        """

    def held(self, ident: int) -> tuple[RunTest, ...]:
        """The tests that somebody has taken and that have no result, by position."""

    def who_holds(self, ident: int, nids: Collection[str]) -> dict[str, str]:
        """Of these tests each that somebody has taken and that has no result, and who."""

    def copy(self, ident: int, worker: str, nid: str, lease_until: float) -> PlannedTest | None:
        """The worker also runs a test that another one holds; None if nobody does, or it was copied before."""

    def extend(self, ident: int, worker: str, at: float, until: float, running: str | None = None) -> int:
        """The worker is alive: its claims hold at least until then. How many it has, copies included.

        ``running`` is the test that it is in; it is taken to have started now, unless that is known already.
        """

    def expire(self, ident: int, at: float) -> tuple[str, ...]:
        """Claims whose lease is over are given up, as by `release`; gives the workers that held them, by name.

        A test of theirs that had started counts one more crash.
        """

    def release(self, ident: int, worker: str, suspect: str | None = None) -> int:
        """The worker is gone: its unfinished tests wait again, or go to who runs a copy. How many these are.

        ``suspect`` is the test in which its runner died: it counts one more crash.
        """

    def report(self, ident: int, worker: str, results: Sequence[TestResult], at: float) -> tuple[str, ...]:
        """Record results of a RUNNING run and give the nids for which this was the first one; others change nothing.

        It does not matter who holds the claim. Tests that require a failed one are done too, with outcome ``blocked``.
        """

    def tests(self, ident: int) -> tuple[RunTest, ...]:
        """All tests of the run, by position."""

    def worked(self, ident: int) -> tuple[float | None, tuple[str, ...]]:
        """When the run's last result so far came, None before the first, and who took tests, by name."""

    def nids(self, ident: int) -> tuple[str, ...]:
        """The run's tests by name, by position."""

    def counts(self, ident: int) -> Counts:
        """How many are in which state."""

    def newest(self, gate: str, kind: str) -> Run | None:
        """The newest run of this kind, without its selection."""

    def recent(self, gate: str, kind: str, limit: int) -> tuple[int, ...]:
        """The newest DONE runs of this kind, newest first."""

    def past(self, idents: Sequence[int]) -> dict[str, Past]:
        """By test what these runs did to it; at most 500 runs."""

    def rivals(self, gate: str, kinds: Collection[str]) -> tuple[int, ...]:
        """The RUNNING runs of these kinds in which tests wait, by id."""

    def finish(self, ident: int, at: float, error: str = "") -> bool:
        """End the run; False if it had ended before."""


class Durations(Protocol):
    """What was learnt of how long tests take."""

    def get(self, gate: str, nids: Collection[str] | None = None) -> dict[str, tuple[float, float, float]]:
        """Nid to (number of observations, mean and variance of ln(milliseconds)); of these nids where given."""

    def put(
        self, gate: str, estimates: Mapping[str, tuple[float, float, float]], passed: tuple[float, str] | None = None
    ) -> None:
        """Write these; others stay. ``passed``: when and on which commit they passed just now, if on trunk."""

    def ages(self, gate: str) -> dict[str, tuple[float, str]]:
        """Nid to when it last passed on trunk or a candidate, 0 never, and on which commit."""

    def speeds(self, gate: str) -> dict[str, tuple[float, int, float | None]]:
        """Worker to (mean of ln(speed), number of tests, seconds that a chunk costs beside its tests)."""

    def put_speeds(self, gate: str, speeds: Mapping[str, tuple[float, int, float | None]]) -> None:
        """Write these; others stay."""


class Rollouts(Protocol):
    """Rollouts, and what is known of each host in them."""

    def create(
        self,
        key: str,
        gate: str,
        landing: int | None,
        release: str,
        candidate: str,
        seed: int,
        plan: Mapping[str, Any],
        at: float,
        baseline: Mapping[str, Any] | None = None,
    ) -> Rollout:
        """A new rollout with the gate's next fence (from 1); the existing one if the key is known."""

    def get(self, ident: int) -> Rollout | None:
        """The rollout of this id."""

    def by_key(self, key: str) -> Rollout | None:
        """The rollout of this key."""

    def update(self, rollout: Rollout) -> Rollout:
        """Write state, stage, plan, baseline, ended_at and reason over the version it carries; gives it the next.

        Raises StaleVersion if the row was changed since, StoreError if there is none.
        """

    def latest(self, gate: str) -> Rollout | None:
        """The gate's newest."""

    def for_landing(self, landing: int) -> tuple[Rollout, ...]:
        """The landing's rollouts, by id."""

    def recent(self, gate: str, limit: int, before_id: int | None = None) -> tuple[Rollout, ...]:
        """At most ``limit``, newest first, with ids under ``before_id`` where that is given."""

    def find(self, wanted: Wanted) -> tuple[tuple[Rollout, ...], int]:
        """The asked part of the rollouts that match, by id, and how many match in all."""

    def hosts(self, ident: int) -> tuple[HostRow, ...]:
        """The rollout's hosts, by name."""

    def alike(self, ident: int) -> frozenset[AlikeHosts]:
        """The rollout's hosts, counted by how they stand."""

    def put_hosts(self, ident: int, rows: Iterable[HostRow]) -> None:
        """Write these hosts' rows, each over the one it had in this rollout; other hosts stay."""


class Verdicts(Protocol):
    """Decisions of the immune system; append only."""

    def add(self, rollout: int, stage: str, at: float, kind: str, reason: str, evidence: Mapping[str, Any]) -> int:
        """Keep a verdict; gives its id."""

    def of_rollout(self, rollout: int) -> tuple[Verdict, ...]:
        """The rollout's verdicts, oldest first."""
