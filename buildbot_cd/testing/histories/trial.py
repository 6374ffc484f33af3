# SPDX-License-Identifier: GPL-2.0-only
"""One history: a gate with its store, two git workers that share nothing, and faults by chance."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

from buildbot_cd.core.landing import control
from buildbot_cd.core.landing.moves import Policy
from buildbot_cd.core.landing.values import EffectKind, Intent, IntentState, Mode
from buildbot_cd.core.landing.verdict import FAILED, PASSED
from buildbot_cd.engine import apply, git_requests
from buildbot_cd.errors import ControlRefused, GitError
from buildbot_cd.store.memory.store import MemoryStore
from buildbot_cd.testing.repositories import Repository
from buildbot_cd.worker.git import __main__ as program
from buildbot_cd.worker.git import marks, revert
from buildbot_cd.worker.git.push import Pushed, push

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from buildbot_cd.store.interface import Tx
    from buildbot_cd.testing.histories.engineers import Engineers
    from buildbot_cd.worker.git.mirror import Mirror

T = TypeVar("T")

GATE = "trunk"
GIT = (EffectKind.OBSERVE, EffectKind.CANDIDATE, EffectKind.REVERT, EffectKind.MARK)
POLICY = Policy(reverts_per_hour=10**6, reverts_per_day=10**6, infra_attempts=10**6, backoff=1.0, backoff_most=1.0)
PATIENCE = 300


class Killed(Exception):
    """The program ends here as by ``kill -9``: nobody hears an answer."""


@dataclass
class Trial:
    """``counts``: what happened, by name."""

    folder: Path
    random: Random
    engineers: Engineers
    store: MemoryStore = field(default_factory=MemoryStore)
    counts: Counter[str] = field(default_factory=Counter)
    faults: bool = True
    now: float = 1_700_000_000.0

    @property
    def server(self) -> Repository:
        """The git server."""
        return Repository(self.engineers.server)

    def run(self, pushes: int) -> None:
        """The whole history: pushes with the gate at work between them, then the gate alone until it rests."""
        with ExitStack() as stack:
            stack.enter_context(patch.object(revert, "push", self._push))
            stack.enter_context(patch.object(marks, "push", self._push))
            stack.enter_context(patch.object(git_requests, "MAX_CASCADE", 10**6))
            stack.enter_context(patch.object(git_requests, "MAX_ENGINEERS", 10**6))
            self.engineers.begin()
            self.read(apply.ensure_gate(GATE))
            self.read(apply.ask_look(GATE, self.now, "the first look"))
            for intent in self.read(lambda tx: tx.outbox.unfinished(GATE)):
                self.read(apply.answer(GATE, intent.key, self._git(intent), self.now))
            for _ in range(pushes):
                self.engineers.push()
                for _ in range(self.random.randint(0, 9)):
                    self._turn()
            self.faults = False
            self._settle()

    def read(self, fn: Callable[[Tx], T]) -> T:
        """One transaction."""
        return self.store.transact_now(fn)

    def _settle(self) -> None:
        for _ in range(PATIENCE):
            self._turn()
            gate, rest = self.read(lambda tx: (tx.gates.get(GATE), tx.landings.open(GATE)))
            pending = self.read(lambda tx: tx.outbox.unfinished(GATE))
            if gate and not rest and not pending and gate.trunk == self.engineers.tip() and gate.mode is Mode.OPEN:
                return
        snapshot = self.read(lambda tx: tx.snapshot(GATE))
        raise AssertionError(f"the gate does not come to rest: {snapshot}")

    def _turn(self) -> None:
        self.now += 10.0
        while self.read(apply.step(GATE, POLICY, self.now)) is not None:
            pass
        self._people()
        if self.random.random() < 0.3 or not self.faults:
            self.read(apply.ask_look(GATE, self.now, "a look"))
        waiting = [
            one
            for one in self.read(lambda tx: tx.outbox.unfinished(GATE))
            if float(one.payload.get("after") or 0) <= self.now
        ]
        if waiting:
            self._perform(self.random.choice(waiting))

    def _people(self) -> None:
        """Somebody resumes a halted gate; now and then somebody withdraws a landing."""
        snapshot = self.read(lambda tx: tx.snapshot(GATE))
        if snapshot.gate.mode is Mode.HALTED:
            self.counts["halts"] += 1
            self.counts[f"halt: {snapshot.gate.mode_reason[:60]}"] += 1
            rule = lambda snap: control.resume(snap, "sheriff", "looked at it", self.now)  # noqa: E731
            self.read(apply.order(GATE, rule, self.now))
        if self.faults and snapshot.landings and self.random.random() < 0.02:
            one = self.random.choice(snapshot.landings)
            try:
                self.read(
                    apply.order(GATE, lambda snap: control.withdraw(snap, one, "ada", POLICY, self.now), self.now)
                )
                self.counts["withdrawn"] += 1
            except ControlRefused:
                pass

    def _perform(self, intent: Intent) -> None:
        if intent.state is IntentState.PENDING:
            self.read(lambda tx: tx.outbox.start(intent.key, self.now, None))
        try:
            result = self._git(intent) if intent.kind in GIT else self._played(intent)
        except Killed:
            self.counts["killed"] += 1
            return
        if self.faults and self.random.random() < 0.08:
            self.counts["answers lost"] += 1
            return
        self.read(apply.answer(GATE, intent.key, result, self.now))

    def _git(self, intent: Intent) -> dict[str, Any]:
        """The program's answer, as the step on the git worker would report it."""
        gate = self.read(lambda tx: tx.gates.get(GATE))
        landing = None if intent.landing is None else self.read(lambda tx: tx.landings.get(intent.landing or 0))
        assert gate is not None
        settings = git_requests.GitSettings(
            str(self.engineers.server), "main", "CD Gate <cd@example.org>", "http://cd/"
        )
        asked = git_requests.request(intent, gate, landing, settings)
        mirror = str(self.folder / self.random.choice(("one.git", "two.git")))
        self.counts[str(intent.kind)] += 1
        try:
            text = json.dumps({**asked, "mirror": mirror, "jitter": 0})
            return dict(json.loads(json.dumps(program.clean(program.answer(text)))))
        except GitError as error:
            self.counts["errors"] += 1
            return {"error": str(error)}

    def _push(self, mirror: Mirror, refspecs: list[str], leases: tuple[str, ...] = ()) -> Pushed:
        """`push`, with what can happen around it."""
        roll = self.random.random() if self.faults else 1.0
        if roll < 0.12:
            self.counts["races"] += 1
            self.engineers.push()
        elif roll < 0.17:
            return Pushed(ok=False, refused=False, text="the connection was lost")
        elif roll < 0.20:
            raise Killed
        elif roll < 0.22:
            return Pushed(ok=False, refused=True, text="a hook of the server says no")
        done = push(mirror, refspecs, leases)
        if 0.22 <= roll < 0.28:
            return Pushed(ok=False, refused=False, text="git push was killed")
        if 0.28 <= roll < 0.33:
            raise Killed
        return done

    # -- what is played

    def _played(self, intent: Intent) -> dict[str, Any]:
        roll = self.random.random() if self.faults else 1.0
        if intent.kind is EffectKind.CHECKS:
            return self._checks(str(intent.payload["candidate"]), roll)
        if intent.kind is EffectKind.CONFIRM:
            return self._confirm(intent, roll)
        if intent.kind is EffectKind.ROLLOUT:
            return self._rollout(str(intent.payload["candidate"]), roll)
        return {"ok": intent.kind is not EffectKind.ROLLBACK or roll > 0.1}

    def _checks(self, candidate: str, roll: float) -> dict[str, Any]:
        if roll < 0.06:
            return {"verdict": "infra", "reason": "the worker was lost"}
        found = self.words(candidate, "BUG")
        if not found and roll < 0.12:
            return {"verdict": "failed", "failing": ["flaky"]}
        return {"verdict": "failed", "failing": found} if found else {"verdict": "passed"}

    def _confirm(self, intent: Intent, roll: float) -> dict[str, Any]:
        if roll < 0.06:
            return {"reason": "the worker was lost"}
        named = [str(one) for one in intent.payload["failing"]]
        here = self.words(str(intent.payload["candidate"]), "BUG")
        base = self.words(str(intent.payload["tested"]), "BUG")
        return {
            "retry": {one: FAILED if one in here else PASSED for one in named},
            "base": {one: FAILED if one in base else PASSED for one in named},
        }

    def _rollout(self, candidate: str, roll: float) -> dict[str, Any]:
        if roll < 0.06:
            return {"verdict": "infra", "reason": "the deploy worker was lost"}
        found = self.words(candidate, "SLOW")
        return {"verdict": "regression", "failing": found, "reason": "slow"} if found else {"verdict": "live"}

    def words(self, sha: str, kind: str) -> list[str]:
        """What the commit's files say that tests (BUG) or production (SLOW) dislike."""
        text = b"\n".join(self.engineers.files(sha).values())
        return sorted({one.decode() for one in re.findall(rb"%s [0-9]+" % kind.encode(), text)})
