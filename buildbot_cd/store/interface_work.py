# SPDX-License-Identifier: GPL-2.0-only
"""The aggregates of the work done for landings: test runs, durations, rollouts, verdicts; in both stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from buildbot_cd.store.rows import (
        Counts,
        HostRow,
        PlannedTest,
        ReadyTest,
        Rollout,
        Run,
        RunTest,
        TestResult,
        Verdict,
    )
    from buildbot_cd.store.wanted import Wanted

    Choose = Callable[[Sequence[ReadyTest], float, int], Sequence[str]]
    """(ready tests, estimated seconds of all that nobody took yet, workers at work with the asking one) -> nids."""

OFFERED = 1000
"""A claim is offered at most so many ready tests, the best ranked ones: its cost does not grow with the run."""


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

    def claim(
        self, ident: int, worker: str, at: float, choose: Choose, *, allow_avoided: bool = False
    ) -> tuple[PlannedTest, ...]:
        """Let the worker take some tests: those that ``choose`` names, in its order.

        Offered are, by falling rank and then by position, at most OFFERED waiting tests whose requirements in this run
        have ended well. Tests that avoid this worker are left out unless ``allow_avoided``. ``choose`` is not called if
        there are none. Raises StoreError if it names a test that was not offered.
        """

    def release(self, ident: int, worker: str) -> int:
        """The worker is gone: its unfinished tests wait again. How many these are."""

    def report(self, ident: int, worker: str, results: Sequence[TestResult], at: float) -> tuple[str, ...]:
        """Record results of a RUNNING run and give the nids for which this was the first one; others change nothing.

        It does not matter who holds the claim. Tests that require a failed one are done too, with outcome ``blocked``.
        """

    def tests(self, ident: int) -> tuple[RunTest, ...]:
        """All tests of the run, by position."""

    def worked(self, ident: int) -> tuple[float | None, tuple[str, ...]]:
        """When the run's last result so far came, None before the first, and who took tests, by name."""

    def counts(self, ident: int) -> Counts:
        """How many are in which state."""

    def finish(self, ident: int, at: float, error: str = "") -> bool:
        """End the run; False if it had ended before."""


class Durations(Protocol):
    """What was learnt of how long tests take."""

    def get(self, gate: str) -> dict[str, tuple[float, float, float]]:
        """Nid to (number of observations, mean in seconds, variance in seconds squared)."""

    def put(self, gate: str, estimates: Mapping[str, tuple[float, float, float]]) -> None:
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

    def put_hosts(self, ident: int, rows: Iterable[HostRow]) -> None:
        """Write these hosts' rows, each over the one it had in this rollout; other hosts stay."""


class Verdicts(Protocol):
    """Decisions of the immune system; append only."""

    def add(self, rollout: int, stage: str, at: float, kind: str, reason: str, evidence: Mapping[str, Any]) -> int:
        """Keep a verdict; gives its id."""

    def of_rollout(self, rollout: int) -> tuple[Verdict, ...]:
        """The rollout's verdicts, oldest first."""
