# SPDX-License-Identifier: GPL-2.0-only
"""The values that the gate's rules read and write. All frozen; times are seconds since the epoch (UTC)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """Where a landing stands; DESIGN's picture "the way of a commit" shows the edges."""

    QUEUED = "queued"
    PREPARING = "preparing"
    TESTING = "testing"
    CONFIRMING = "confirming"
    INFRA_HOLD = "infra_hold"
    PASSED = "passed"
    DEPLOYING = "deploying"
    SETTLING = "settling"
    ROLLING_BACK = "rolling_back"
    REVERTING = "reverting"
    LIVE = "live"
    REVERTED = "reverted"
    BYPASSED = "bypassed"
    HALTED = "halted"

    @property
    def terminal(self) -> bool:
        """True if nothing happens to such a landing any more."""
        return self in TERMINAL


TERMINAL = frozenset({State.LIVE, State.REVERTED, State.BYPASSED})
"""States in which a landing has ended; HALTED is not among them: it waits for a person."""

BLOCKING = frozenset({State.ROLLING_BACK, State.REVERTING, State.HALTED})
"""While any landing is in one of these, nobody is admitted."""


class Slot(StrEnum):
    """The two places of a gate; each holds one landing at most."""

    TEST = "test"
    DEPLOY = "deploy"


class Mode(StrEnum):
    """OPEN admits everybody, CLOSED nobody (a freeze); DRAIN lets those inside finish; HALTED waits for a person."""

    OPEN = "open"
    CLOSED = "closed"
    DRAIN = "drain"
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class Freeze:
    """Why and until when a gate is not open; ``min_priority``: landings of at least that much pass it (0: none do)."""

    mode: Mode
    reason: str
    by: str
    until: float | None = None
    min_priority: int = 0


@dataclass(frozen=True, slots=True)
class Gate:
    """One trunk's gate.

    ``trunk`` is the newest trunk commit that was taken in, ``tested`` the base of the next candidate,
    ``live`` the last revision watched to the end on the whole fleet; None until the first observation.
    ``pushed`` is trunk as the gate's last revert left it, until a look has taken that in: trunk must hold it too.
    ``epoch`` grows when old results must not count any more. ``min_priority``: landings of at least that much pass a
    CLOSED gate (0: none do). ``beneath`` is the freeze that a halt found and that is in force again when it ends.
    ``version`` is the compare-and-set number.
    """

    name: str
    mode: Mode = Mode.OPEN
    mode_reason: str = ""
    mode_by: str = ""
    mode_until: float | None = None
    min_priority: int = 0
    beneath: Freeze | None = None
    trunk: str | None = None
    tested: str | None = None
    live: str | None = None
    pushed: str | None = None
    epoch: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Landing:
    """One engineer's push ``base..head`` on its way to production.

    ``since`` is when it came into ``state``; ``attempt`` counts candidates (a retest without blame starts a new one);
    ``infra_attempts`` counts holds for reasons that are not the change; ``failing`` names the tests or metrics
    that authorise a revert; ``cause`` is the landing whose failure took this one along, or that carries it
    (`carried`). ``revert_kind`` is why it is taken back (test, deploy, dependent, withdraw): set on a QUEUED or HALTED
    landing, that is still to be done.
    ``patch`` names its content wherever it stands (git patch-id; empty: not known), ``relands`` the reverted landing
    that it brings back, ``emergency`` what an authorised person gave as the reason for the fast lane.
    """

    id: int
    gate: str
    base: str
    head: str
    engineer: str
    subject: str
    state: State = State.QUEUED
    since: float = 0.0
    queued_at: float = 0.0
    priority: int = 0
    attempt: int = 1
    infra_attempts: int = 0
    not_before: float | None = None
    candidate: str | None = None
    failing: tuple[str, ...] = ()
    cause: int | None = None
    revert_kind: str = ""
    revert: str | None = None
    reason: str = ""
    message: str = ""
    patch: str = ""
    relands: int | None = None
    emergency: str = ""
    version: int = 0

    @property
    def order(self) -> tuple[int, int]:
        """Sort key of the queue: higher priority first, then first come."""
        return (-self.priority, self.id)

    @property
    def carried(self) -> bool:
        """True if it has ended because the landing ``cause`` has its commits too: they ride together."""
        return self.state is State.BYPASSED and self.cause is not None and not self.revert_kind


class IntentState(StrEnum):
    """PENDING: recorded with its transition; STARTED: begun at least once; DONE: has a result; DROPPED: obsolete."""

    PENDING = "pending"
    STARTED = "started"
    DONE = "done"
    DROPPED = "dropped"


class EffectKind(StrEnum):
    """What the engine can be asked to do. Each is idempotent by its key.

    BUILD is a part of a larger effect: one buildset, whose key is the effect's key, ``#`` and the part's name.
    STAGE brings the release to the hosts while the checks run; nobody waits for its answer but the ROLLOUT.
    """

    OBSERVE = "observe"
    CANDIDATE = "candidate"
    CHECKS = "checks"
    CONFIRM = "confirm"
    REVERT = "revert"
    MARK = "mark"
    STAGE = "stage"
    ROLLOUT = "rollout"
    ROLLBACK = "rollback"
    WATCH = "watch"
    NOTIFY = "notify"
    PROOF = "proof"
    BUILD = "build"


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing to do after the transition is committed. ``key`` names it for ever; ``payload`` is JSON."""

    kind: EffectKind
    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intent:
    """An effect as the outbox holds it: ``result`` is JSON once DONE, ``ref`` what was started, such as a buildset."""

    key: str
    gate: str
    landing: int | None
    kind: EffectKind
    payload: Mapping[str, Any]
    epoch: int
    created_at: float
    state: IntentState = IntentState.PENDING
    started_at: float | None = None
    ref: str | None = None
    result: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of a landing's history; append only."""

    landing: int
    seq: int
    before: State | None
    after: State
    at: float
    actor: str
    reason: str


class Reverted(NamedTuple):
    """When the gate took a landing back by its own judgement, and whose it was."""

    at: float
    engineer: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the rules need of one gate at one moment: a consistent read."""

    gate: Gate
    slots: Mapping[Slot, int]
    landings: tuple[Landing, ...]
    intents: Mapping[str, Intent]
    reverts: tuple[Reverted, ...] = ()

    def landing(self, ident: int) -> Landing | None:
        """The open landing with this id, or None."""
        return next((one for one in self.landings if one.id == ident), None)

    def holder(self, slot: Slot) -> Landing | None:
        """Who holds the slot, or None."""
        ident = self.slots.get(slot)
        return None if ident is None else self.landing(ident)
