# SPDX-License-Identifier: GPL-2.0-only
"""The parts of a check: builds of stock builders, and sharded runs with their generations of shards.

Each part is one buildset with its own row in the outbox. Nothing is remembered here: what a part has come to is read
from its rows, by any master, any number of times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from buildbot.process.results import FAILURE, SUCCESS, WARNINGS

from buildbot_cd.core.landing.values import Effect, EffectKind, Intent
from buildbot_cd.core.selection import MissingTag
from buildbot_cd.engine.refs import branch_of
from buildbot_cd.store.rows import BLOCKED, HARMLESS, RunState, WorkState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.rows import Run, RunTest

BUILDER = "builder:"
"""Prefix that makes a stock builder's failure a named one, as a test's id is."""

GENERATIONS = 3
"""How often the shards of a run are started anew when they ended before its tests did."""

STRESS = "stress"
"""Kind of a run in which each test has to pass many times."""


@dataclass(frozen=True, slots=True)
class StressPlan:
    """``rounds`` (0: never) of at most ``most`` new tests; a flaky one is in quarantine for ``lasts`` seconds."""

    rounds: int = 0
    most: int = 50
    lasts: float = 14 * 86400.0


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """What must pass: the pool of test workers (empty: no sharded run) and the names of stock builders; and how often
    new tests are run.
    """

    pool: tuple[str, ...]
    builders: tuple[str, ...]
    trunk: str
    stress: StressPlan = field(default_factory=StressPlan)


class Parts:
    """Begins the parts of a check run and says what came of them; see the module."""

    def __init__(self, plan: CheckPlan) -> None:
        self.plan = plan

    def begin(
        self, tx: Tx, intent: Intent, key: str, builder: str, revision: str, properties: dict[str, Any], now: float
    ) -> None:
        """Have a build made of this revision, as a part of the effect; asking again changes nothing."""
        branch = branch_of(tx, intent.gate, revision, self.plan.trunk)
        payload = {"builder": builder, "revision": revision, "branch": branch, "properties": properties}
        tx.outbox.put(intent.gate, intent.landing, Effect(EffectKind.BUILD, key, payload), intent.epoch, now)

    def builder_outcome(self, tx: Tx, part: Intent | None, name: str) -> dict[str, Any] | None:
        """What a stock builder says, or None while it works."""
        if part is None or part.result is None:
            return None
        built, asked = str(part.result.get("built") or ""), str(part.payload["revision"])
        if built not in ("", asked) and _of_trunk(tx, part.gate, built):
            why = (
                f"builder {name} built {built[:12]} and not {asked[:12]}: it has to check out the revision it is given"
            )
            return {"verdict": "infra", "reason": why}
        results = part.result.get("results")
        if results in (SUCCESS, WARNINGS):
            return {"verdict": "passed"}
        if results == FAILURE:
            return {"verdict": "failed", "failing": [BUILDER + name]}
        return {"verdict": "infra", "reason": f"builder {name} gave no verdict"}

    def run_outcome(self, tx: Tx, intent: Intent, key: str, now: float) -> dict[str, Any] | None:
        """A sharded run's verdict, or None while it goes on; starts shards as they are needed."""
        run, parts = tx.runs.by_key(key), of_effect(tx, intent)
        if run is None:
            return {"verdict": "infra", "reason": "the run's record is missing"}
        if run.state is RunState.PLANNING:
            return self._planning(parts.get(f"{key}#plan"))
        if run.state is RunState.DONE:
            return _run_verdict(run, tx.runs.tests(run.id), _muted(tx, run, now))
        counts = tx.runs.counts(run.id)
        if not counts.waiting and not counts.claimed:
            tx.runs.finish(run.id, now)
            return _run_verdict(run, tx.runs.tests(run.id), _muted(tx, run, now))
        return self._shards(tx, intent, parts, run, now)

    def _planning(self, plan: Intent | None) -> dict[str, Any] | None:
        if plan is None or plan.result is None:
            return None
        return {"verdict": "infra", "reason": "the tests could not be selected: see the cd-plan build"}

    def _shards(
        self, tx: Tx, intent: Intent, parts: Mapping[str, Intent], run: Run, now: float
    ) -> dict[str, Any] | None:
        mine = {key: part for key, part in parts.items() if key.startswith(f"{run.key}#shard")}
        if any(part.result is None for part in mine.values()):
            return None
        generation = 1 + max((int(key.rsplit(".", 1)[1]) for key in mine), default=0)
        if generation > GENERATIONS:
            return {"verdict": "infra", "reason": f"{GENERATIONS} rounds of shards ended before the tests did"}
        for worker in self.plan.pool if mine else ():
            tx.runs.release(run.id, worker)
        left = [one for one in tx.runs.tests(run.id) if one.state is not WorkState.DONE]
        for number, avoid in enumerate(self._avoids(left)):
            rounds = {"cd_rounds": self.plan.stress.rounds} if run.kind == STRESS else {}
            properties = {"cd_run": run.id, "cd_avoid": avoid, **rounds, **(run.selection.get("from") or {})}
            key = f"{run.key}#shard{number}.{generation}"
            self.begin(tx, intent, key, "cd-test", run.revision, properties, now)
        return None

    def _avoids(self, left: list[RunTest]) -> list[str]:
        """One shard for each worker that can be kept busy; a retry's shards each name the worker they must not use."""
        avoided = sorted({one.avoid_worker for one in left if one.avoid_worker})
        free = sum(1 for one in left if not one.avoid_worker)
        return [*avoided, *[""] * min(free, len(self.plan.pool))]


def _of_trunk(tx: Tx, gate: str, revision: str) -> bool:
    """Whether this is a revision of the gate's trunk, and not of something else that a builder checks out too."""
    found = tx.gates.get(gate)
    known = found is not None and revision in (found.trunk, found.tested, found.live, found.pushed)
    return known or tx.landings.by_head(gate, revision) is not None


def of_effect(tx: Tx, intent: Intent) -> dict[str, Intent]:
    """An effect's parts, by key."""
    landings = () if intent.landing is None else (intent.landing,)
    return {one.key: one for one in tx.outbox.of_landings(landings) if one.key.startswith(f"{intent.key}#")}


def _muted(tx: Tx, run: Run, now: float) -> frozenset[str]:
    """Tests that run and do not count; a second look is only at those that count."""
    return frozenset(one.test for one in tx.trust.quarantined(run.gate, now)) if run.kind == "gate" else frozenset()


def _run_verdict(run: Run, tests: tuple[RunTest, ...], muted: frozenset[str] = frozenset()) -> dict[str, Any]:
    failed = [one.nid for one in tests if one.outcome not in (*HARMLESS, BLOCKED)]
    failing = [nid for nid in failed if nid not in muted]
    if run.error:
        return {"verdict": "infra", "reason": run.error}
    if failing:
        return {"verdict": "failed", "failing": failing, "ran": len(tests)}
    aside = f"; {len(failed)} in quarantine failed" if failed else ""
    return {"verdict": "passed", "reason": f"{len(tests) - len(failed)} tests passed{aside}", **held(run)}


def held(run: Run) -> dict[str, str]:
    """Why the landing waits for a person though its tests pass: the map blocks on tags that were not declared."""
    missing = [MissingTag(**one) for one in run.selection.get("missing_tags") or () if not one.get("quiet")]
    return {"held": undeclared(missing)} if missing and run.selection.get("mode") == "block" else {}


def undeclared(missing: Sequence[MissingTag]) -> str:
    """One line: which tags are missing, why the first is, and what to do."""
    names = ", ".join(one.tag for one in missing)
    return f"declare the missing tag{'s' if len(missing) > 1 else ''} {names} ({missing[0].because})"
