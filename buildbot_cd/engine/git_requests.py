# SPDX-License-Identifier: GPL-2.0-only
"""What the git program on the git worker is asked, effect by effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.values import EffectKind

if TYPE_CHECKING:
    from buildbot_cd.core.landing.values import Gate, Intent, Landing

WHY = {
    "test": "The checks failed on this change, and pass without it.",
    "deploy": "It was rolled back in production.",
    "dependent": "It builds on a change that was taken back.",
    "reland": "The very same patch was taken back before.",
    "withdraw": "It was withdrawn.",
}


MAX_CASCADE, MAX_ENGINEERS = 3, 2
"""So many landings of so many other engineers may go along with a revert before people are asked."""

FEW = 10
"""Failing tests that a revert's message names."""


@dataclass(frozen=True, slots=True)
class GitSettings:
    """Whose name the gate's commits carry, and where trunk is."""

    url: str
    branch: str
    author: str
    pages: str


def request(intent: Intent, gate: Gate, landing: Landing | None, settings: GitSettings) -> dict[str, Any]:
    """The JSON that the program reads, for an effect of kind OBSERVE, CANDIDATE, REVERT or MARK."""
    common = {"mirror": f"{gate.name}.git", "url": settings.url, "branch": settings.branch}
    if intent.kind is EffectKind.OBSERVE:
        return {"verb": "observe", "since": gate.trunk, "holds": gate.pushed, **common}
    if intent.kind is EffectKind.MARK:
        return {"verb": "mark", **common, **_pick(intent, "ref", "new", "old")}
    assert landing is not None
    if intent.kind is EffectKind.CANDIDATE:
        return {
            "verb": "candidate",
            **common,
            **_pick(intent, "onto", "base", "head"),
            "id": landing.id,
            "attempt": landing.attempt,
            "when": int(intent.created_at),
            "author": settings.author,
            "message": landing.message or landing.subject,
        }
    return {"verb": "revert", **common, **_revert(intent, landing, settings)}


def _revert(intent: Intent, landing: Landing, settings: GitSettings) -> dict[str, Any]:
    because = str(intent.payload["because"])
    page = f"{settings.pages}#/cd/landings/{landing.id}"
    return {
        **_pick(intent, "tested", "known_tip", "bad", "survivors", "when", "shadow", "subject"),
        "key": str(intent.payload.get("entry") or intent.key),
        "author": settings.author,
        "max_cascade": MAX_CASCADE,
        "max_engineers": MAX_ENGINEERS,
        "reason": str(intent.payload["reason"]),
        "body": _body(intent, landing, because, page),
        "trailers": [
            ["CD-Auto-Revert", because],
            ["CD-Candidate", str(intent.payload.get("candidate") or landing.head)],
            ["CD-Build", page],
            ["CD-Epoch", str(intent.epoch)],
        ],
    }


def _body(intent: Intent, landing: Landing, because: str, page: str) -> str:
    """What people read first. It speaks of the change and of the tests, never of the person."""
    failing = [str(one) for one in intent.payload["failing"]]
    more = f" (and {len(failing) - FEW} more)" if len(failing) > FEW else ""
    what = f"{landing.base[:12]}..{landing.head[:12]}" if landing.base else landing.head[:12]
    return "\n".join(
        [
            f"This reverts landing {landing.id}, {what}. {WHY.get(because, '')}",
            "Trunk returns to the last state that passed all tests; later work that does not need this change stays.",
            "",
            f"Reason: {_flat(intent.payload['reason'])}",
            *([f"Failing: {', '.join(_flat(one) for one in failing[:FEW])}{more}"] if failing else []),
            f"Builds and logs: {page}",
        ]
    )


def _flat(text: object) -> str:
    """On one line: names of tests and reasons are data, and must not look like lines of ours."""
    return " ".join(str(text).split())


def _pick(intent: Intent, *names: str) -> dict[str, Any]:
    return {name: intent.payload[name] for name in names if name in intent.payload}
