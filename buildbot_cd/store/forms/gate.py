# SPDX-License-Identifier: GPL-2.0-only
"""A gate, its landings, pushes and intents as both stores keep them."""

from __future__ import annotations

from dataclasses import replace

from buildbot_cd.core.landing.people import Push
from buildbot_cd.core.landing.values import Effect, Freeze, Gate, Intent, Landing, Transition
from buildbot_cd.store.text import as_key, as_stored, clean, clean_or_none, from_json, to_json

FIXED = (
    "gate",
    "base",
    "head",
    "engineer",
    "subject",
    "message",
    "queued_at",
    "patch",
    "relands",
)
"""What came with the push."""


RIDES = ("base", "message", "patch")
"""What of it changes where pushes of one engineer become one landing; the rest is never written again."""


UNCOUNTED = ("withdraw", "reland")
"""Kinds of revert that are no judgement of the gate's on a change."""


def new_landing(
    ident: int,
    push: tuple[str, str, str, str, str, str],
    at: float,
    priority: int,
    *,
    patch: str,
    relands: int | None,
    emergency: str,
) -> Landing:
    """A QUEUED landing from (gate, base, head, engineer, subject, message), as it comes back from the database."""
    gate, base, head, engineer, subject, message = push
    return Landing(
        ident,
        as_key(gate, "gate"),
        clean(base),
        as_key(head, "commit"),
        clean(engineer),
        clean(subject),
        since=at,
        queued_at=at,
        priority=priority,
        message=clean(message),
        patch=as_key(patch, "patch"),
        relands=relands,
        emergency=clean(emergency),
    )


def first_line(landing: Landing) -> Transition:
    """The first line of a landing's history: the engineer brought it."""
    return Transition(landing.id, 1, None, landing.state, landing.queued_at, landing.engineer, "")


def changed_landing(known: Landing, wanted: Landing) -> Landing:
    """What is stored when ``wanted`` is written over ``known``."""
    return replace(
        wanted,
        **{name: getattr(known, name) for name in FIXED if name not in RIDES},
        base=clean(wanted.base),
        message=clean(wanted.message),
        patch=as_key(wanted.patch, "patch"),
        candidate=clean_or_none(wanted.candidate),
        failing=tuple(clean(name) for name in wanted.failing),
        revert_kind=clean(wanted.revert_kind),
        revert=clean_or_none(wanted.revert),
        reason=clean(wanted.reason),
        emergency=clean(wanted.emergency),
        version=wanted.version + 1,
    )


def stored_gate(gate: Gate) -> Gate:
    """The gate as it comes back: its texts cleaned."""
    return replace(
        gate,
        name=as_key(gate.name, "gate"),
        mode_reason=clean(gate.mode_reason),
        mode_by=clean(gate.mode_by),
        beneath=_stored_freeze(gate.beneath),
        trunk=clean_or_none(gate.trunk),
        tested=clean_or_none(gate.tested),
        live=clean_or_none(gate.live),
        pushed=clean_or_none(gate.pushed),
    )


def _stored_freeze(freeze: Freeze | None) -> Freeze | None:
    return None if freeze is None else replace(freeze, reason=clean(freeze.reason), by=clean(freeze.by))


def stored_push(push: Push) -> Push:
    """The push as it comes back from the database."""
    options: dict[str, str] = from_json(to_json(push.options))
    return Push(clean(push.base), as_key(push.head, "commit"), clean(push.who), options)


def new_intent(gate: str, landing: int | None, effect: Effect, epoch: int, at: float) -> Intent:
    """A PENDING intent as it comes back from the database."""
    key, name = as_key(effect.key, "effect"), as_key(gate, "gate")
    return Intent(key, name, landing, effect.kind, as_stored(effect.payload), epoch, at)
