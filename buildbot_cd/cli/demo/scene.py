# SPDX-License-Identifier: GPL-2.0-only
"""A scene of the demo: what is pushed, what is waited for, and what has to be true in the end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from buildbot_cd.cli.demo import patches, workspace
from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.cli.demo.company import Company
    from buildbot_cd.cli.demo.telling import Teller

LIMIT = 240.0
"""Seconds after which a landing that has not ended is a failure of the demo."""

ENDED = ("live", "reverted", "halted", "bypassed")

PARTS = {
    "queued": "queue",
    "preparing": "test",
    "testing": "test",
    "confirming": "test",
    "infra_hold": "test",
    "passed": "wait",
    "deploying": "deploy",
    "settling": "deploy",
    "rolling_back": "take back",
    "reverting": "take back",
}
"""By state, the column of the table in which its time is told."""


@dataclass
class Check:
    """One thing that had to be true."""

    text: str
    ok: bool


@dataclass
class Outcome:
    """How a scene came out; ``seconds`` by part of the way."""

    letter: str
    title: str
    checks: list[Check] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    outcome: str = ""

    @property
    def ok(self) -> bool:
        """Whether all came out as told."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """As values that JSON has."""
        return {
            "letter": self.letter,
            "title": self.title,
            "ok": self.ok,
            "outcome": self.outcome,
            "checks": [{"text": check.text, "ok": check.ok} for check in self.checks],
            "seconds": {part: round(seconds, 2) for part, seconds in self.seconds.items()},
        }


class Scene:
    """What all scenes can do; ``begin`` pushes, ``finish`` waits and checks. Others may play in between."""

    letter = ""
    title = ""

    def __init__(self, company: Company, teller: Teller) -> None:
        self.company, self.teller = company, teller
        self.outcome = Outcome(self.letter, self.title)

    def begin(self) -> None:
        """Do what sets it going."""
        raise NotImplementedError

    def finish(self) -> None:
        """Wait for the end, and check what has become of it."""
        raise NotImplementedError

    # -- what engineers do

    def edit(self, engineer: str, patch: patches.Patch) -> None:
        """Change the files of an engineer's clone, on the newest main, without a commit."""
        clone = self.company.place.clones[engineer]
        workspace.sync(clone)
        patches.apply(patch(clone), clone)

    def push(self, engineer: str, patch: patches.Patch) -> str:
        """Commit on the newest main and push; gives the commit."""
        clone = self.company.place.clones[engineer]
        workspace.sync(clone)
        change = patch(clone)
        head = workspace.commit(clone, change)
        workspace.push(clone)
        self.teller.say(f"    {engineer.title()} pushes {head[:10]}: {change.message.splitlines()[0]}")
        return head

    # -- what is waited for

    def landing(self, head: str) -> dict[str, Any]:
        """The landing of this push; waits until it is known."""
        found: dict[str, Any] = self.company.site.wait(
            lambda: self.company.view.landing(head), f"the gate to see {head[:10]}", LIMIT
        )
        return found

    def until(self, head: str, states: tuple[str, ...], limit: float = LIMIT) -> dict[str, Any]:
        """Wait until the landing is in one of these states, or has ended; tells meanwhile what goes on."""
        landing = self.landing(head)
        end = time.monotonic() + limit
        while landing["state"] not in (*states, *ENDED):
            if time.monotonic() > end:
                raise CdError(f"landing {landing['id']} is still {landing['state']} after {limit:.0f} s: {landing}")
            self.teller.now(self.company.view.sentence(landing))
            time.sleep(0.4)
            landing = self.landing(head)
        return landing

    # -- what is checked

    def check(self, text: str, ok: object) -> None:
        """One thing that has to be true."""
        self.outcome.checks.append(Check(text, bool(ok)))
        self.teller.say(f"    {'ok  ' if ok else 'NOT '} {text}")

    def check_live(self, landing: Mapping[str, Any]) -> None:
        """It is live, on every host, and every host says so itself."""
        release = self.company.view.release(landing)
        count = len(self.company.place.hosts)
        served = [name for name, found in self.company.served().items() if found == release]
        carried = [name for name, found in self.company.carried().items() if found == release]
        self.check(f"landing {landing['id']} is live: {landing['reason']}", landing["state"] == "live")
        self.check(f"{len(served)} of {count} hosts answer with release {release}", len(served) == count)
        self.check(f"{len(carried)} of {count} hosts carry it", len(carried) == count)

    def check_taken_back(self, landing: Mapping[str, Any], tree: str) -> None:
        """It is reverted, with the reason named, and trunk's tree is what it was."""
        self.check(f"landing {landing['id']} was taken back: {landing['reason']}", landing["state"] == "reverted")
        now = workspace.trunk_tree(self.company.place.repository)
        self.check(f"trunk's tree is again {tree[:10]}, what it was before the push", now == tree)

    def timed(self, landing: Mapping[str, Any]) -> None:
        """Fill in how long each part of the landing's way took."""
        self.outcome.outcome = str(landing["state"])
        for state, seconds in self.company.view.durations(landing).items():
            part = PARTS.get(state)
            if part is not None:
                self.outcome.seconds[part] = self.outcome.seconds.get(part, 0.0) + seconds
