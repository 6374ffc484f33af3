# SPDX-License-Identifier: GPL-2.0-only
"""Figures that change slowly and cost much: computed once for many readers, anew when some seconds old."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

V = TypeVar("V")

KEPT = 64
"""Values that are kept at most; the oldest go first."""


class Remembered(Generic[V]):
    """Values by key, each good for ``seconds``. Two threads that miss at once both compute, and agree."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._values: dict[Hashable, tuple[float, V]] = {}

    def get(self, key: Hashable, now: float, compute: Callable[[], V]) -> V:
        """The value of this key, at most ``seconds`` older than ``now``."""
        known = self._values.get(key)
        if known is not None and 0 <= now - known[0] < self._seconds:
            return known[1]
        value = compute()
        self._values = {key: (now, value), **{k: v for k, v in list(self._values.items())[: KEPT - 1] if k != key}}
        return value
