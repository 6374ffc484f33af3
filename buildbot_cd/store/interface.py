# SPDX-License-Identifier: GPL-2.0-only
"""What the rest of the product sees of the store: one transaction, one object per aggregate.

``await store.transact(fn)`` runs ``fn(tx)`` inside ONE transaction. It commits if ``fn`` returns, and rolls back if it
raises; the exception reaches the caller. Transactions that write go one after the other, in all masters together, so
what ``fn`` read is true until it ends. ``fn`` may be called again after a collision: it must change nothing outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.core.landing.values import Snapshot
    from buildbot_cd.store.interface_escapes import Escapes
    from buildbot_cd.store.interface_gate import Gates, Landings, Outbox, Pushes, Slots
    from buildbot_cd.store.interface_incidents import Incidents
    from buildbot_cd.store.interface_trust import Trust
    from buildbot_cd.store.interface_work import Durations, Rollouts, Runs, Verdicts

T = TypeVar("T")


class Tx(Protocol):
    """One transaction; not to be used after its function has returned."""

    @property
    def gates(self) -> Gates:
        """The gates."""

    @property
    def landings(self) -> Landings:
        """The landings and their histories."""

    @property
    def pushes(self) -> Pushes:
        """What the git server's hook told of pushes."""

    @property
    def slots(self) -> Slots:
        """Who is in which slot."""

    @property
    def outbox(self) -> Outbox:
        """The effects to perform, and what came of them."""

    @property
    def runs(self) -> Runs:
        """Test runs and their queues."""

    @property
    def durations(self) -> Durations:
        """How long each test takes."""

    @property
    def rollouts(self) -> Rollouts:
        """Rollouts and their hosts."""

    @property
    def trust(self) -> Trust:
        """Flakes, quarantines, wrong reverts."""

    @property
    def escapes(self) -> Escapes:
        """Failures that the gate missed, and whose they are."""

    @property
    def incidents(self) -> Incidents:
        """What is learnt from what was taken back."""

    @property
    def verdicts(self) -> Verdicts:
        """What the immune system decided."""

    def snapshot(self, gate: str) -> Snapshot:
        """All that the gate's rules need, in a constant number of queries, whatever has ended before.

        Intents are those of open landings, and the gate's own ones (`Outbox.for_gate_level`). Reverts are the newest
        100. Raises StoreError if there is no such gate.
        """


class Store(Protocol):
    """Where everything that must outlive the master is kept."""

    async def transact(self, fn: Callable[[Tx], T]) -> T:
        """Run ``fn`` in one transaction and give back what it returns."""

    async def read(self, fn: Callable[[Tx], T]) -> T:
        """Run ``fn``, which must not write, on one consistent state; it holds no writer up, and none holds it up."""
