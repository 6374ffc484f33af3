# SPDX-License-Identifier: GPL-2.0-only
"""Escapes as both stores keep them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from buildbot_cd.store.rows import Escape, EscapeState
from buildbot_cd.store.text import as_key, as_stored, clean

OPEN = (EscapeState.SEARCHING, EscapeState.EXPLAINING)


def new_escape(ident: int, gate: str, test: str, run: int, at: float, base: str, suspects: Sequence[int]) -> Escape:
    """An escape as it comes back from the database."""
    return Escape(ident, as_key(gate, "gate"), as_key(test, "test"), run, at, clean(base), tuple(suspects))


def stored_escape(escape: Escape) -> Escape:
    """The escape as it comes back after an update."""
    probes = tuple((place, run, None if word is None else clean(word)) for place, run, word in escape.probes)
    told = as_stored(escape.told)
    return replace(escape, probes=probes, told=told, reason=clean(escape.reason), version=escape.version + 1)
