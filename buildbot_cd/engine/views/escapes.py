# SPDX-License-Identifier: GPL-2.0-only
"""Escapes as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.store.forms.escapes import OPEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.engine.views.gates import Lens
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


def proposals_view(tx: Tx, gate: str, lens: Lens) -> list[dict[str, Any]] | None:  # noqa: ARG001 - as all of them
    """One object for each rule that the gate's newest escapes propose; the one that would have caught most first.

    None if there is no such gate.
    """
    if tx.gates.get(gate) is None:
        return None
    found: dict[str, list[Escape]] = {}
    for escape in tx.escapes.recent(gate, NEWEST):
        if escape.told.get("rule"):
            found.setdefault(str(escape.told["rule"]), []).append(escape)
    return [_proposal(rule, ones) for rule, ones in sorted(found.items(), key=lambda one: -len(one[1]))]


def _proposal(rule: str, escapes: Sequence[Escape]) -> dict[str, Any]:
    """Of escapes that propose the same, newest first; the patch is against the newest file."""
    return {
        "rule": rule,
        "patch": str(escapes[0].told.get("patch") or ""),
        "missing_tag": str(escapes[0].told.get("missing_tag") or ""),
        "escapes": [one.id for one in escapes],
        "tests": sorted({one.test for one in escapes}),
        "landings": sorted({one.culprit for one in escapes if one.culprit is not None}),
        "found_at": escapes[0].found_at,
    }


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
