# SPDX-License-Identifier: GPL-2.0-only
"""Rows that are the store's own: test runs, rollouts, verdicts. Times are seconds since the epoch (UTC)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

HARMLESS = frozenset({"passed", "skipped", "xfailed"})
"""Outcomes that are no failure; a test whose requirement ended in any other one is blocked."""

BLOCKED = "blocked"
"""Outcome of a test that was not run because what it requires failed."""


class RunState(StrEnum):
    """PLANNING: the tests are not known yet; RUNNING: workers take them; DONE: nothing is taken or recorded more."""

    PLANNING = "planning"
    RUNNING = "running"
    DONE = "done"


class WorkState(StrEnum):
    """Where one test of a run stands."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    DONE = "done"


class RolloutState(StrEnum):
    """Where a rollout stands; `ROLLOUT_ENDED` are its ends."""

    STAGING = "staging"
    SWITCHING = "switching"
    WATCHING = "watching"
    DONE = "done"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"


ROLLOUT_ENDED = frozenset({RolloutState.DONE, RolloutState.ROLLED_BACK, RolloutState.FAILED})
"""States in which a rollout does nothing any more."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of tests on one revision.

    ``kind`` is gate, retry, base, stress, try, backstop, rolling, bisect or proof; ``lower_bound`` the seconds that no
    schedule can beat; ``selection`` why these tests were chosen (JSON); ``error`` why the run ended without an answer,
    empty if it has one.
    """

    id: int
    key: str
    gate: str
    landing: int | None
    kind: str
    revision: str
    created_at: float
    state: RunState = RunState.PLANNING
    planned_at: float | None = None
    ended_at: float | None = None
    selection: Mapping[str, Any] = field(default_factory=dict)
    lower_bound: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class PlannedTest:
    """A test to be run: ``estimate`` in seconds, ``rank`` highest first, ``requires`` nids that have to pass before."""

    nid: str
    estimate: float = 1.0
    rank: float = 0.0
    requires: tuple[str, ...] = ()
    group: str | None = None
    avoid_worker: str | None = None
    crashes: int = 0


@dataclass(frozen=True, slots=True)
class QueuedTest:
    """A test that nobody took yet: it waits for ``unmet`` of what it requires, 0 means that it may run now.

    ``crashes`` counts the runners that died in it. ``requires`` is empty where nothing is unmet.
    """

    nid: str
    position: int
    estimate: float
    rank: float
    group: str | None = None
    avoid_worker: str | None = None
    crashes: int = 0
    requires: tuple[str, ...] = ()
    unmet: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker is to take, in this order, and until when it holds that without a sign of life."""

    worker: str
    nids: tuple[str, ...]
    lease_until: float


@dataclass(frozen=True, slots=True)
class Holder:
    """A worker with tests that it took and that have no result: how many, of how many seconds, the first since when."""

    worker: str
    tests: int
    seconds: float
    since: float


@dataclass(frozen=True, slots=True)
class Look:
    """A run's queue as a claim sees it: the best tests that may run, the best that wait, seconds of all not taken."""

    ready: tuple[QueuedTest, ...]
    waiting: tuple[QueuedTest, ...]
    remaining: float
    holders: tuple[Holder, ...]


@dataclass(frozen=True, slots=True)
class TestResult:
    """What a worker says of one test; ``text`` is what a person reads of a failure."""

    __test__: ClassVar[bool] = False  # pytest: not a class of tests

    nid: str
    outcome: str
    seconds: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class RunTest:
    """One test of a run, as planned and as it went.

    A claim holds until ``lease_until``; ``started_at`` is when its test was first known to run; ``copied_to`` names
    another worker that runs it too, since the first one is late.
    """

    run: int
    nid: str
    position: int
    estimate: float
    rank: float
    requires: tuple[str, ...] = ()
    group: str | None = None
    avoid_worker: str | None = None
    state: WorkState = WorkState.WAITING
    worker: str | None = None
    claimed_at: float | None = None
    outcome: str | None = None
    seconds: float | None = None
    text: str = ""
    done_at: float | None = None
    crashes: int = 0
    lease_until: float | None = None
    started_at: float | None = None
    copied_to: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tests of a run are in each state; ``failed`` of the done ones ended otherwise than HARMLESS."""

    waiting: int = 0
    claimed: int = 0
    done: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """What some runs did to a test: in how many it was, in how many of them it failed, and when it ended last."""

    runs: int
    failed: int
    at: float | None


@dataclass(frozen=True, slots=True)
class Rollout:
    """One release on its way to the hosts.

    ``fence`` grows with every rollout of the gate: an order with a smaller one is obsolete. ``seed`` chose the
    canaries; ``plan`` and ``baseline`` are JSON; ``promoted`` names the stage whose watch a person has ended early,
    with who and why behind a colon. ``version`` is the compare-and-set number.
    """

    id: int
    key: str
    gate: str
    landing: int | None
    release: str
    candidate: str
    fence: int
    seed: int
    started_at: float
    plan: Mapping[str, Any] = field(default_factory=dict)
    baseline: Mapping[str, Any] = field(default_factory=dict)
    state: RolloutState = RolloutState.STAGING
    stage: str = ""
    ended_at: float | None = None
    reason: str = ""
    version: int = 0
    promoted: str = ""


@dataclass(frozen=True, slots=True)
class HostRow:
    """One host in one rollout; the releases may be None: leave alone, never seen, had none."""

    rollout: int
    host: str
    role: str
    stage: str
    desired: str | None
    observed: str | None = None
    previous: str | None = None
    phase: str = "pending"
    error: str = ""
    at: float = 0.0


class AlikeHosts(NamedTuple):
    """How many hosts of a rollout stand alike; the first three as in `HostRow`."""

    desired: str | None
    observed: str | None
    phase: str
    number: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision of the immune system, with what it was taken on."""

    id: int
    rollout: int
    stage: str
    at: float
    kind: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


class EscapeState(StrEnum):
    """SEARCHING: probes run; EXPLAINING: the culprit is known, and what would have told is being looked up.

    The others are ends: a landing is to blame, nobody is, something older than all suspects is, or it stays unknown.
    """

    SEARCHING = "searching"
    EXPLAINING = "explaining"
    FOUND = "found"
    FLAKY = "flaky"
    OLDER = "older"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Escape:
    """A test that failed on trunk though the gate had let everything through; found by a run of the backstop.

    ``suspects`` are the landings since the test was last seen to pass, oldest first; position 0 of a probe is the
    commit ``base`` before all of them, position n is trunk with the first n. ``probes`` are lists of position, run and
    outcome (``passed``, ``failed``, ``lost``; None while it runs). ``culprit`` is a landing, ``probability`` how sure
    that is. ``told`` has what follows: tags, files, missing tag, rule, patch.
    """

    id: int
    gate: str
    test: str
    run: int
    found_at: float
    base: str
    suspects: tuple[int, ...]
    state: EscapeState = EscapeState.SEARCHING
    probes: tuple[tuple[int, int, str | None], ...] = ()
    culprit: int | None = None
    probability: float | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    ended_at: float | None = None
    version: int = 0
