# SPDX-License-Identifier: GPL-2.0-only
"""What is to be done: a test, as the dispatcher sees it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """A test of a run; ``requires`` are nids, of which those outside of the run do not count."""

    nid: str
    path: str = ""
    requires: tuple[str, ...] = ()
    group: str | None = None
