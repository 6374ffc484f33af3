# SPDX-License-Identifier: GPL-2.0-only
"""What people are told of a landing. The subject is the test, the change or the metric, never a person."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.landing.values import Landing

SUBJECTS = {
    "your_turn": "Its turn: {change}",
    "passed": "Passed: {change}",
    "settling": "On the whole fleet: {change}",
    "live": "Live: {change}",
    "rolled_back": "{culprit}; rolled back: {change}",
    "reverted": "{culprit}; taken back: {change}",
    "evicted": "Taken back with another change: {change}",
    "bypassed": "Decided by hand: {change}",
    "escaped": "{culprit}; got past the gate: {change}",
    "retest": "Tested again: {change}",
    "held": "Waits, and not because of the change: {change}",
    "halted": "The gate has stopped: {change}",
}
"""By kind of notice, the subject. ``{change}`` is the first line of the newest commit, ``{culprit}`` the test that
failed or the metric that got worse; where neither did (a withdrawal), it is left out.
"""

WIDTH = 150
"""Characters of a subject."""

CULPRIT = 90
"""Characters of a test's or a metric's name in a subject: enough of the change is seen beside it."""

FEW = 10
"""Tests that a body lists."""


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
    parts = [f"Landing {landing.id} of {gate}, {landing.base[:12]}..{landing.head[:12]}: {change}", ""]
    parts += _told(what, landing, payload)
    rollout = payload.get("rollout")
    parts += ["", *([f"Rollout: {pages}#/cd/rollouts/{rollout}"] if rollout else [])]
    body = "\n".join([*parts, f"Page: {pages}#/cd/landings/{landing.id}", ""])
    return Message(ident, _subject(what, change, payload), body)


def _subject(what: str, change: str, payload: Mapping[str, Any]) -> str:
    form = SUBJECTS.get(what, what.replace("_", " ").capitalize() + ": {change}")
    culprit = _culprit([str(one) for one in payload.get("failing", ())])
    if what == "reverted" and payload.get("sha") is None:
        form = form.replace("taken back", "would have been taken back")
    if not culprit and "{culprit}; " in form:
        plain = form.replace("{culprit}; ", "")
        form = plain[:1].upper() + plain[1:]
    # The change comes last: what stands in braces in a commit or a test's name is not filled in.
    before, _, after = form.partition("{change}")
    return _line(before.replace("{culprit}", culprit) + change + after)


def _culprit(failing: Sequence[str]) -> str:
    """The first that failed and how many more did, as the beginning of a sentence; empty if none did."""
    if not failing:
        return ""
    first, more = named(failing[0]), len(failing) - 1
    short = first if len(first) <= CULPRIT else f"…{first[1 - CULPRIT :]}"
    verb = "got worse" if failing[0].startswith("metric ") else "failed"
    return f"{short} and {more} more {verb}" if more else f"{short} {verb}"


def named(failing: str) -> str:
    """One that failed, for people: a test by its id, a builder by its name, a metric as it is."""
    builder = failing.removeprefix("builder:")
    return failing.removeprefix("pytest:") if builder == failing else f"check {builder}"


def _told(what: str, landing: Landing, payload: Mapping[str, Any]) -> list[str]:
    reason = unsigned(str(payload.get("reason") or landing.reason))
    if what == "reverted":
        return [*_failing(payload, reason), *_back(landing, payload)]
    if what == "rolled_back":
        return [reason, *_out_of_production(payload)]
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


_SIGNED = re.compile(
    r"^(rolled back|withdrawn|held|released|emergency|trunk was rewritten by hand and taken as it stands)"
    r",? by .*?(?=: |$)"
)
"""The beginning of an order's reason, as `control` and `adopt` write it."""


def unsigned(reason: str) -> str:
    """The reason of an order without who gave it, which the record keeps: a message tells what, and why."""
    return _SIGNED.sub(r"\1", reason)


def _out_of_production(payload: Mapping[str, Any]) -> list[str]:
    """How far it had come, and what follows by itself."""
    hosts, fleet = payload.get("hosts"), payload.get("fleet")
    of = f" of {fleet}" if fleet else ""
    carried = {None: "Its hosts are", 0: "No host carried it any more: all are", 1: f"1 host{of} carried it, and is"}
    said = carried.get(hosts, f"{hosts}{of} hosts carried it, and are")
    return [
        f"{said} on the release from before.",
        "Production needs nothing. Its commits are taken back on trunk next; a message says how to land them again.",
        "What let it come so far is asked in its incident, which a regression test closes: `buildbot-cd incidents`.",
    ]


def _failing(payload: Mapping[str, Any], reason: str) -> list[str]:
    failing = [str(one) for one in payload.get("failing", ())]
    more = [f"  ... and {len(failing) - FEW} more"] if len(failing) > FEW else []
    tests = [one.removeprefix("pytest:") for one in failing if one.startswith("pytest:")]
    again = [f"To see it fail: python -m pytest {shlex.join(tests[:3])}"] if tests else []
    return [reason, *(f"  {named(one)}" for one in failing[:FEW]), *more, *again]


def _back(landing: Landing, payload: Mapping[str, Any]) -> list[str]:
    sha = payload.get("sha")
    if sha is None:
        return ["This gate only watches: nothing was changed on trunk."]
    return [
        f"Taken back on trunk by {sha}. Nothing is lost; to land it again:",
        f"  git fetch && git cherry-pick {landing.base[:12]}..{landing.head[:12]}",
        "then mend it, try it with `buildbot try`, and push.",
    ]


def _line(text: str) -> str:
    """One printable line: a commit's first line may hold anything."""
    plain = "".join(one if one.isprintable() else " " for one in text)
    return plain if len(plain) <= WIDTH else plain[: WIDTH - 1] + "…"
