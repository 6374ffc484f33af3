# SPDX-License-Identifier: GPL-2.0-only
"""The runs that show what a regression test catches: this one test, on the bad revision and on trunk.

The test is most often younger than what it would have caught. So on the bad revision its file is taken from trunk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.values import Intent, IntentState
from buildbot_cd.store.rows import PlannedTest

if TYPE_CHECKING:
    from buildbot_cd.engine.check_parts import Parts
    from buildbot_cd.store.interface import Tx

SIDES = ("bad", "trunk")
KIND = "proof"


def look(parts: Parts, tx: Tx, intent: Intent, now: float) -> dict[str, Any] | None:
    """Start both runs, or see how far they are; the answer is {bad: {outcome, run}, trunk: ..., trouble}."""
    if not parts.plan.pool:
        return {"trouble": "cd.yaml names no workers for tests (checks: tests), so the test cannot be run."}
    if intent.state is IntentState.PENDING:
        tx.outbox.start(intent.key, now, None)
        for side in SIDES:
            _start(tx, intent, side, now)
        return None
    ended = {side: parts.run_outcome(tx, intent, f"{intent.key}#{side}", now) for side in SIDES}
    if any(one is None for one in ended.values()):
        return None
    trouble = [
        f"{side}: {one.get('reason')}" for side, one in ended.items() if one is not None and one["verdict"] == "infra"
    ]
    found: dict[str, Any] = {side: _found(tx, f"{intent.key}#{side}") for side in SIDES}
    return {**found, "trouble": f"It could not be run. {'; '.join(trouble)}." if trouble else ""}


def _start(tx: Tx, intent: Intent, side: str, now: float) -> None:
    test, revision = str(intent.payload["test"]), str(intent.payload[side])
    run = tx.runs.create(f"{intent.key}#{side}", intent.gate, intent.landing, KIND, revision, now)
    told: dict[str, Any] = {"everything": f"shows whether it would have caught incident {intent.payload['incident']}"}
    path = file_of(test)
    if side == "bad" and path:
        told["from"] = {"cd_from": str(intent.payload["trunk"]), "cd_from_path": path}
    tx.runs.plan(run.id, [PlannedTest(test)], {**told, "chosen": [[test, [told["everything"]]]]}, None, now)


def _found(tx: Tx, key: str) -> dict[str, Any]:
    run = tx.runs.by_key(key)
    tests = tx.runs.tests(run.id) if run is not None else ()
    return {"run": run.id if run else None, "outcome": (tests[0].outcome if tests else None) or "unknown"}


def file_of(test: str) -> str:
    """The file of a pytest's test, relative to the repository; empty where an id does not tell its file."""
    runner, _, rest = test.partition(":")
    path = rest.partition("::")[0]
    good = runner == "pytest" and path.endswith(".py") and not path.startswith(("/", "-"))
    return path if good and ".." not in path.split("/") else ""
