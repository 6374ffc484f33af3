# SPDX-License-Identifier: GPL-2.0-only
"""Escapes as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.store.forms.escapes import OPEN

if TYPE_CHECKING:
    from buildbot_cd.store.interface import Tx
    from buildbot_cd.store.rows import Escape

NEWEST = 200
"""A list has at most so many."""


def escapes_view(tx: Tx, gate: str) -> list[dict[str, Any]]:
    """The gate's, newest first."""
    return [_view(one) for one in tx.escapes.recent(gate, NEWEST)]


def escape_view(tx: Tx, ident: int) -> dict[str, Any] | None:
    """One escape, None if there is none of this id."""
    found = tx.escapes.get(ident)
    return None if found is None else _view(found)


def _view(escape: Escape) -> dict[str, Any]:
    told = escape.told
    return {
        **{name: getattr(escape, name) for name in _PLAIN},
        "state": escape.state.value,
        "open": escape.state in OPEN,
        "suspects": list(escape.suspects),
        "probes": [list(one) for one in escape.probes],
        **{name: str(told.get(name) or "") for name in ("missing_tag", "rule", "patch")},
        **{name: [str(one) for one in told.get(name) or ()] for name in ("tags", "declared", "files")},
    }


_PLAIN = (
    *("id", "gate", "test", "run", "found_at", "base", "culprit", "probability", "reason", "ended_at", "version"),
)
