# SPDX-License-Identifier: GPL-2.0-only
"""A landing's checks over the memory store: begun, ended by the test, and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.values import Effect, EffectKind, Gate
from buildbot_cd.engine.check_parts import CheckPlan
from buildbot_cd.engine.checks import Checks
from buildbot_cd.store import MemoryStore
from buildbot_cd.testing.simulation.store import finish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from buildbot_cd.store import Tx


def answered(
    kind: EffectKind, key: str, asked: Mapping[str, Any], plan: CheckPlan, ended: Callable[[Tx], None]
) -> tuple[Mapping[str, Any], MemoryStore]:
    """What the effect ``key`` of landing 1 was answered, and the store: ``ended`` ends what its first step began."""
    store = MemoryStore()
    answers: list[Mapping[str, Any]] = []

    async def answer(_key: str, result: Mapping[str, Any]) -> bool:
        answers.append(result)
        return True

    base, head = str(asked.get("base") or asked.get("tested")), str(asked.get("head") or asked.get("candidate"))

    def begin(tx: Tx) -> None:
        tx.gates.create(Gate("shop", trunk=head, tested=base, live=base))
        made = tx.landings.add("shop", base, head, "ada", "s", "m", 1.0)
        tx.outbox.put("shop", made.id, Effect(kind, key, asked), 0, 1.0)

    store.transact_now(begin)
    checks = Checks(store, plan, answer)
    for step in (lambda _tx: None, ended):
        store.transact_now(step)
        intent = store.transact_now(lambda tx: tx.outbox.get(key))
        assert intent is not None
        finish(checks.advance(intent, 2.0))
    return answers[-1], store
