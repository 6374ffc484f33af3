# SPDX-License-Identifier: GPL-2.0-only
"""A transaction on a database connection."""
# ruff: noqa: D102 - the interface tells what each method means

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.values import Snapshot
from buildbot_cd.store.errors import missing
from buildbot_cd.store.sql.durations import SqlDurations
from buildbot_cd.store.sql.escapes import SqlEscapes
from buildbot_cd.store.sql.gates import SqlGates
from buildbot_cd.store.sql.incidents import SqlIncidents
from buildbot_cd.store.sql.landings import SqlLandings
from buildbot_cd.store.sql.learnt import SqlLearnt
from buildbot_cd.store.sql.outbox import SqlOutbox
from buildbot_cd.store.sql.pushes import SqlPushes
from buildbot_cd.store.sql.rollouts import SqlRollouts
from buildbot_cd.store.sql.runs import SqlRuns
from buildbot_cd.store.sql.slots import SqlSlots
from buildbot_cd.store.sql.trust import SqlTrust
from buildbot_cd.store.sql.verdicts import SqlVerdicts

if TYPE_CHECKING:
    import sqlalchemy as sa


class SqlTx:
    """See `interface.Tx`."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    @cached_property
    def gates(self) -> SqlGates:
        return SqlGates(self._conn)

    @cached_property
    def landings(self) -> SqlLandings:
        return SqlLandings(self._conn)

    @cached_property
    def pushes(self) -> SqlPushes:
        return SqlPushes(self._conn)

    @cached_property
    def slots(self) -> SqlSlots:
        return SqlSlots(self._conn)

    @cached_property
    def outbox(self) -> SqlOutbox:
        return SqlOutbox(self._conn)

    @cached_property
    def runs(self) -> SqlRuns:
        return SqlRuns(self._conn)

    @cached_property
    def durations(self) -> SqlDurations:
        return SqlDurations(self._conn)

    @cached_property
    def learnt(self) -> SqlLearnt:
        return SqlLearnt(self._conn)

    @cached_property
    def rollouts(self) -> SqlRollouts:
        return SqlRollouts(self._conn)

    @cached_property
    def trust(self) -> SqlTrust:
        return SqlTrust(self._conn)

    @cached_property
    def escapes(self) -> SqlEscapes:
        return SqlEscapes(self._conn)

    @cached_property
    def incidents(self) -> SqlIncidents:
        return SqlIncidents(self._conn)

    @cached_property
    def verdicts(self) -> SqlVerdicts:
        return SqlVerdicts(self._conn)

    def snapshot(self, gate: str) -> Snapshot:
        found = self.gates.get(gate)
        if found is None:
            raise missing("gate", gate)
        intents = (*self.outbox.of_open_landings(gate), *self.outbox.for_gate_level(gate))
        return Snapshot(
            gate=found,
            slots=self.slots.holders(gate),
            landings=self.landings.open(gate),
            intents={intent.key: intent for intent in intents},
            reverts=self.landings.reverted_since(gate, float("-inf")),
        )
