# SPDX-License-Identifier: GPL-2.0-only
"""A move: one decided step of a gate, ready to be committed in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from buildbot_cd.core.landing.people import People
from buildbot_cd.core.landing.values import Effect, EffectKind, Freeze, Gate, Landing, Mode, Slot, State
from buildbot_cd.core.landing.windows import Window

HELD = 4102444800.0
"""``not_before`` of a landing that a person holds: the year 2100, that is, until somebody releases it."""


EMERGENCY = 1000
"""Priority of the fast lane; whoever has it also passes windows in which nothing is deployed."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the team configured for this gate; times in seconds.

    ``deploys`` and ``checks`` say whether those stages exist: a team may adopt only one of them. ``preempt`` lets an
    emergency take the test slot from a landing under test; ``windows`` are the times at which nothing is deployed.
    ``early``: a release is built and brought to the hosts while its checks run; it is switched when they have passed.
    ``settle`` is how long a landing is watched on the whole fleet while the next one may be deployed; 0: not at all.
    ``widespread`` is the share of all tests above which failures that ``tested`` shows too are the surroundings'.
    ``followers``: with a landing that is taken back go the same engineer's pushes directly on top of it.
    ``together``: so many pushes of one engineer that wait directly one on the other are tested as one.
    ``blocked``: trunk takes pushes of the test slot's holder only, see `block`.
    """

    reverts_per_hour: int = 4
    reverts_per_day: int = 10
    reverts_per_engineer: int = 2
    infra_attempts: int = 3
    backoff: float = 30.0
    backoff_most: float = 600.0
    widespread: float = 0.2
    checks: bool = True
    deploys: bool = True
    early: bool = True
    shadow: bool = False
    preempt: bool = False
    settle: float = 0.0
    followers: bool = True
    together: int = 1
    blocked: bool = False
    windows: tuple[Window, ...] = ()
    people: People = field(default_factory=People)


@dataclass(frozen=True, slots=True)
class NewLanding:
    """A push that was seen on trunk and is not recorded yet.

    ``cause`` and ``revert``: the landing whose revert, that commit, has taken it back before it was even seen.
    ``refused``: the tests or metrics that failed with this very patch before; it is taken back without another try.
    ``named`` and ``retry`` are the trailers CD-Relands and CD-Retry-Reason.
    """

    base: str
    head: str
    engineer: str
    subject: str
    message: str
    cause: int | None = None
    revert: str | None = None
    reason: str = ""
    priority: int = 0
    emergency: str = ""
    patch: str = ""
    relands: int | None = None
    refused: tuple[str, ...] | None = None
    named: tuple[str, ...] = ()
    retry: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """What one transaction does: changed rows, slots, effects for the outbox, intents that are obsolete.

    ``effects`` pairs each effect with the landing it belongs to (None: the gate's own). ``drop`` holds landing ids
    whose unfinished intents stop to matter; ``flaky`` pairs landings with tests that failed and passed elsewhere.
    """

    reason: str
    actor: str = "gate"
    landings: tuple[Landing, ...] = ()
    gate: Gate | None = None
    take: tuple[tuple[Slot, int], ...] = ()
    free: tuple[tuple[Slot, int], ...] = ()
    effects: tuple[tuple[int | None, Effect], ...] = ()
    drop: tuple[int, ...] = ()
    new: tuple[NewLanding, ...] = ()
    flaky: tuple[tuple[int, str], ...] = ()


def key_of(landing: Landing, kind: EffectKind) -> str:
    """The name of this landing's present effect of that kind; a new attempt has a new name."""
    return f"{landing.gate}/{landing.id}/{kind}/{landing.attempt}.{landing.infra_attempts}"


def effect_of(landing: Landing, kind: EffectKind, **payload: Any) -> tuple[int, Effect]:
    """The landing's effect of that kind, paired with the landing's id as `Move.effects` wants it."""
    return landing.id, Effect(kind, key_of(landing, kind), payload)


def staging(landing: Landing, key: str) -> tuple[int, Effect]:
    """The effect of that name which makes the candidate's release and brings it to the hosts."""
    return landing.id, Effect(EffectKind.STAGE, key, {"candidate": landing.candidate})


def staged_early(landing: Landing) -> str:
    """The name of the effect that does so while the candidate is tested; one for all tries of its checks."""
    return key_of(replace(landing, infra_attempts=0), EffectKind.STAGE)


def enter(landing: Landing, state: State, now: float, reason: str, **changes: Any) -> Landing:
    """The landing as it stands after coming into ``state``; a wait that belonged to the old state ends."""
    changes.setdefault("not_before", None)
    return replace(landing, state=state, since=now, reason=reason, **changes)


def halted_gate(gate: Gate, reason: str, by: str = "gate") -> Gate:
    """The gate as it waits for a person. A freeze that it was under is kept beneath; a first halt's reason stays."""
    if gate.mode is Mode.HALTED:
        return gate
    frozen = gate.mode is not Mode.OPEN
    beneath = Freeze(gate.mode, gate.mode_reason, gate.mode_by, gate.mode_until, gate.min_priority) if frozen else None
    return under(replace(gate, beneath=beneath), Freeze(Mode.HALTED, reason, by))


def under(gate: Gate, freeze: Freeze | None) -> Gate:
    """The gate with this freeze in force, or open."""
    now = freeze or Freeze(Mode.OPEN, "", "")
    return replace(
        gate,
        mode=now.mode,
        mode_reason=now.reason,
        mode_by=now.by,
        mode_until=now.until,
        min_priority=now.min_priority,
    )


def requeue(landing: Landing, now: float, reason: str) -> Landing:
    """Back to the head of the queue, without blame: not counted as a failure; a person's hold on it stays."""
    fresh = replace(landing, attempt=landing.attempt + 1, infra_attempts=0, candidate=None, failing=())
    return enter(fresh, State.QUEUED, now, reason, not_before=HELD if landing.not_before == HELD else None)


def mark(gate: Gate, name: str, new: str | None, old: str | None) -> tuple[None, Effect]:
    """Show a revision to the world as ``refs/cd/<name>``; the database stays the truth."""
    key = f"{gate.name}/mark/{name}/{gate.epoch}/{new}"
    return None, Effect(EffectKind.MARK, key, {"ref": f"refs/cd/{name}", "new": new, "old": old})


def notice(landing: Landing, what: str, **payload: Any) -> tuple[int, Effect]:
    """A message about the landing; ``what`` names it, and it goes out once for each attempt."""
    state = f"/{landing.state}" if what in ("held", "halted") else ""
    key = f"{landing.gate}/{landing.id}/notify/{what}{state}/{landing.attempt}.{landing.infra_attempts}"
    return landing.id, Effect(EffectKind.NOTIFY, key, {"what": what, **payload})


def gate_notice(gate: Gate, what: str, reason: str) -> tuple[None, Effect]:
    """A message about the gate itself, once for each change of the gate."""
    key = f"{gate.name}/notify/{what}/{gate.version}"
    return None, Effect(EffectKind.NOTIFY, key, {"what": what, "reason": reason})
