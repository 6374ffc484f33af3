# SPDX-License-Identifier: GPL-2.0-only
"""What people are told of a landing. The subject is the test, the change or the metric, never a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.core.landing.values import Landing

SUBJECTS = {
    "your_turn": "Its turn: {change}",
    "passed": "Passed: {change}",
    "settling": "On the whole fleet: {change}",
    "live": "Live: {change}",
    "reverted": "Taken back: {change}",
    "evicted": "Taken back with another change: {change}",
    "bypassed": "Decided by hand: {change}",
    "retest": "Tested again: {change}",
    "held": "Waits, and not because of the change: {change}",
    "halted": "The gate has stopped: {change}",
}
"""By kind of notice, the subject; ``{change}`` is the first line of the newest commit."""

WIDTH = 150
"""Characters of a change's first line in a subject."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: ``ident`` is the same whenever the same thing is told; ``subject`` is one line."""

    ident: str
    subject: str
    body: str


def compose(
    ident: str, what: str, landing: Landing | None, payload: Mapping[str, Any], gate: str, pages: str
) -> Message:
    """The message for a notice. ``pages`` is the address of the master's pages, ending in a slash."""
    if landing is None:
        reason = str(payload.get("reason") or "look at the gate's page")
        return Message(ident, _line(f"The gate {gate} has stopped"), f"{reason}\n\nPage: {pages}#/cd\n")
    change = landing.subject or f"landing {landing.id}"
    subject = _line(SUBJECTS.get(what, what.replace("_", " ").capitalize() + ": {change}").replace("{change}", change))
    parts = [f"Landing {landing.id} of {gate}, {landing.base[:12]}..{landing.head[:12]}: {change}", ""]
    parts += _told(what, landing, payload)
    return Message(ident, subject, "\n".join([*parts, "", f"Page: {pages}#/cd/landings/{landing.id}", ""]))


def _told(what: str, landing: Landing, payload: Mapping[str, Any]) -> list[str]:
    reason = str(payload.get("reason") or landing.reason)
    if what == "reverted":
        return [*_failing(payload, reason), *_back(landing, payload)]
    if what == "evicted":
        return [reason, *_back(landing, payload)]
    if what == "retest":
        return [
            f"Landing {payload.get('cause')} goes another way, so this one is tested without it. Nothing is to be done."
        ]
    if what == "bypassed":
        commits = f"{landing.base[:12]}..{landing.head[:12]}"
        again = f"  git fetch origin refs/cd/kept/{landing.id} && git cherry-pick {commits}"
        return [reason, "What is on trunk counts as live. What is not is kept; to land it again:", again]
    if what == "your_turn":
        return ["It is being tested now. A failure is run again elsewhere before it counts."]
    if what == "halted":
        return [reason, "A person has to look: `buildbot-cd show` and `buildbot-cd resume --reason ...`."]
    return [reason] if reason else []


def _failing(payload: Mapping[str, Any], reason: str) -> list[str]:
    failing = [str(one) for one in payload.get("failing", ())]
    more = [f"... and {len(failing) - 10} more"] if len(failing) > 10 else []
    tests = [one.removeprefix("pytest:") for one in failing if one.startswith("pytest:")]
    again = [f"To see it fail: python -m pytest {' '.join(repr(one) for one in tests[:3])}"] if tests else []
    return [reason, *(f"  {one}" for one in failing[:10]), *more, *again]


def _back(landing: Landing, payload: Mapping[str, Any]) -> list[str]:
    return [
        f"Taken back on trunk by {payload.get('sha', 'a commit')}. Nothing is lost; to land it again:",
        f"  git fetch && git cherry-pick {landing.base[:12]}..{landing.head[:12]}",
        "then mend it, try it with `buildbot try`, and push.",
    ]


def _line(text: str) -> str:
    """One printable line: a commit's first line may hold anything."""
    plain = "".join(one if one.isprintable() else " " for one in text)
    return plain if len(plain) <= WIDTH else plain[: WIDTH - 1] + "…"
