# SPDX-License-Identifier: GPL-2.0-only
"""The hosts of a rollout, packed: one object for hundreds of them."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.rollout.records import BAD_PHASES, Phase
from buildbot_cd.store.rows import AlikeHosts, HostRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from buildbot_cd.store.interface import Tx

COLUMNS = ("host", "role", "stage", "desired", "observed", "previous", "phase", "mark", "at")
MARKS = ("old", "switching", "new", "failed", "owed", "back")
PHASES = tuple(phase.value for phase in Phase)

_AT = COLUMNS.index("mark")
_BEFORE: Callable[[HostRow], tuple[Any, ...]] = attrgetter(*COLUMNS[:_AT])
_BEHIND: Callable[[HostRow], tuple[Any, ...]] = attrgetter(*COLUMNS[_AT + 1 :], "error")
_SETTLED = frozenset({Phase.HEALTHY.value, Phase.ROLLED_BACK.value})


def mark(row: HostRow | AlikeHosts, release: str) -> str:
    """A host's mark in a picture of the rollout of ``release``; one of MARKS."""
    if row.phase == Phase.UNREACHABLE:
        return "owed"
    if row.phase in BAD_PHASES:
        return "failed"
    if row.desired is None:
        return "old"
    settled = row.observed == row.desired and row.phase in _SETTLED
    if not settled:
        return "switching"
    return "new" if row.desired == release else "back"


def host_row(row: HostRow, release: str) -> list[Any]:
    """The host as events tell it: COLUMNS, and its error."""
    return [*_BEFORE(row), mark(row, release), *_BEHIND(row)]


def fleet_view(tx: Tx, ident: int) -> dict[str, Any] | None:
    """All hosts of a rollout, None if there is no such rollout."""
    rollout = tx.rollouts.get(ident)
    if rollout is None:
        return None
    rows = tx.rollouts.hosts(ident)
    planned = [str(one["name"]) for one in rollout.plan.get("stages", ())]
    roles, stages = _names(row.role for row in rows), _names([*planned, *(row.stage for row in rows)])
    releases = _names(name for row in rows for name in (row.desired, row.observed, row.previous) if name is not None)
    lists = {"role": roles, "stage": stages, "desired": releases, "observed": releases, "previous": releases}
    lists |= {"phase": list(PHASES), "mark": list(MARKS)}
    numbers = {column: {name: number for number, name in enumerate(names)} for column, names in lists.items()}
    return {
        "rollout": ident,
        "release": rollout.release,
        "version": rollout.version,
        "columns": list(COLUMNS),
        "roles": roles,
        "stages": stages,
        "releases": releases,
        "phases": list(PHASES),
        "marks": list(MARKS),
        "hosts": _packed(rows, rollout.release, numbers),
        "addresses": {one["name"]: one["address"] for one in rollout.plan.get("hosts", ())},
        "errors": {row.host: row.error for row in rows if row.error},
    }


def _names(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _packed(rows: Iterable[HostRow], release: str, numbers: dict[str, dict[str, int]]) -> list[list[Any]]:
    coded = [numbers.get(name) for name in COLUMNS]
    return [
        [value if code is None else code.get(value) for code, value in zip(coded, host_row(row, release), strict=False)]
        for row in rows
    ]
