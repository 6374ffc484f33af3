# SPDX-License-Identifier: GPL-2.0-only
"""The aggregate of what is learnt of tests for selecting them; in both stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from buildbot_cd.core.selection import Entry
    from buildbot_cd.core.selection.budget import Catch


class Learnt(Protocol):
    """The function map, the history of failures by file, and how soon failures were found."""

    def put_map(self, gate: str, units: Mapping[str, bytes], at: float) -> None:
        """What these tests ran, by nid, in place of what they ran before; others stay."""

    def get_map(self, gate: str) -> dict[str, Entry]:
        """What each test ran when it ran last."""

    def entry(self, gate: str, nid: str) -> Entry | None:
        """What this test ran when it ran last; None if it is not in the map."""

    def map_version(self, gate: str) -> tuple[int, float | None]:
        """How many tests the map has, and when it was written last: another pair means another map."""

    def map_ages(self, gate: str) -> dict[str, float]:
        """When each test of the map ran last, without what it ran."""

    def forget(self, gate: str, nids: Iterable[str]) -> None:
        """These tests are gone."""

    def changed(self, gate: str, paths: Collection[str], at: float) -> None:
        """A change of these files was tested."""

    def failed(self, gate: str, paths: Collection[str], tests: Collection[str], at: float) -> None:
        """These tests failed with a change of these files."""

    def history(self, gate: str, paths: Collection[str]) -> dict[str, dict[str, tuple[float, float]]]:
        """By file and test (failures, when written); under the test "" (changes, when written)."""

    def caught(self, gate: str, catch: Catch) -> None:
        """A run found a failure; of one run the first call counts."""

    def catches(self, gate: str, since: float) -> tuple[Catch, ...]:
        """Those after ``since``, oldest first."""
