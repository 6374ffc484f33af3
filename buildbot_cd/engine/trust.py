# SPDX-License-Identifier: GPL-2.0-only
"""What people say of verdicts, as transactions: put a test in quarantine, end that, call a revert wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.landing.trust import may_be_called_wrong, quarantine
from buildbot_cd.errors import ControlRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.core.landing.trust import Quarantine
    from buildbot_cd.store.interface import Tx


def put_in_quarantine(
    gate: str, test: str, owner: str, reason: str, by: str, now: float, until: float
) -> Callable[[Tx], Quarantine]:
    """The test runs and does not count until then; an earlier order for it is replaced. Raises ControlRefused."""

    def run(tx: Tx) -> Quarantine:
        order = quarantine(test, owner, reason, by, now, until)
        tx.trust.quarantine(gate, order)
        return order

    return run


def end_quarantine(gate: str, test: str) -> Callable[[Tx], None]:
    """The test counts again. Raises ControlRefused if it does already."""

    def run(tx: Tx) -> None:
        if not tx.trust.release(gate, test):
            raise ControlRefused(f"{test} is not in quarantine")

    return run


def call_wrong(gate: str, landing: int, by: str, reason: str, now: float) -> Callable[[Tx], bool]:
    """The landing's revert was a mistake of the gate's; the same patch may come again. False if that was said before.

    Raises ControlRefused if the gate did not judge it.
    """

    def run(tx: Tx) -> bool:
        found = may_be_called_wrong(tx.landings.get(landing))
        if found.gate != gate:
            raise ControlRefused(f"landing {landing} belongs to gate {found.gate}")
        return tx.trust.call_wrong(landing, by, reason, now)

    return run
