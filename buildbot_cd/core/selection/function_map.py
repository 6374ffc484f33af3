# SPDX-License-Identifier: GPL-2.0-only
"""The function map: which units (functions, opened files) each test ran when it ran last.

A unit is told by its `key`, a number of 32 bits, and so a test by four bytes for each unit. Two units of one number add
a test now and then and never hide one. The keys of what ran while a file was collected stand under the file's own nid.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from buildbot_cd.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE, BLIND = "<file>", "<blind>"


def key(path: str, name: str) -> int:
    """The number of a unit, as the programs on the workers reckon it."""
    return zlib.crc32(f"{path}\0{name}".encode("utf-8", "surrogatepass"))


def packed(text: str) -> bytes:
    """The keys that a ``ran`` event holds as base64, as they are kept. Raises SelectionError for anything else."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SelectionError(f"what a test ran is no base64: {error}") from error
    if len(data) % 4:
        raise SelectionError(f"what a test ran has {len(data)} bytes, which are not four for each unit")
    return data


@dataclass(frozen=True, slots=True)
class Entry:
    """What a test ran: keys of four bytes, little endian; ``at`` is when that was, in seconds of a clock."""

    units: bytes
    at: float


class FunctionMap:
    """The map, turned around: by unit the tests that ran it. Made once and asked for every change."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._names = [nid for nid in entries if "::" in nid]
        blobs = [np.frombuffer(entries[nid].units, dtype="<u4") for nid in self._names]
        owners = np.repeat(np.arange(len(blobs)), [len(one) for one in blobs])
        keys = np.concatenate(blobs) if blobs else np.zeros(0, dtype="<u4")
        order = np.argsort(keys, kind="stable")
        self._keys: Any = np.ascontiguousarray(keys[order], dtype=np.uint32)
        self._owners: Any = owners[order]
        self._imported = frozenset(
            int(one)
            for nid, entry in entries.items()
            if "::" not in nid
            for one in np.frombuffer(entry.units, dtype="<u4")
        )
        self.tests = frozenset(self._names)
        """The tests that are in it."""
        times = sorted(entries[nid].at for nid in self._names)
        self.oldest = times[0] if times else None
        """When the test that ran longest ago ran, None without tests."""
        self.median = times[len(times) // 2] if times else None
        """When the middle one of all tests ran."""

    def __len__(self) -> int:
        return len(self.tests)

    def ran(self, number: int) -> list[str]:
        """The tests that ran this unit."""
        return self._named(self._owners_of(number))

    def ran_part(self, number: int, told: int, untold: int, parts: Iterable[int]) -> list[str]:
        """The tests that ran one of these parts of a unit, or ran it without telling all of its parts.

        Who told the parts ran the unit ``told``, who ran something of it without telling also ``untold``.
        """
        ran = self._owners_of(number)
        knows = np.isin(ran, self._owners_of(told)) & ~np.isin(ran, self._owners_of(untold))
        for part in parts:
            knows &= ~np.isin(ran, self._owners_of(part))
        return self._named(ran[~knows])

    def _owners_of(self, number: int) -> Any:
        wanted = np.uint32(number)
        first, last = (int(np.searchsorted(self._keys, wanted, side)) for side in ("left", "right"))
        return self._owners[first:last]

    def _named(self, owners: Any) -> list[str]:
        names = self._names
        return [names[at] for at in owners.tolist()]

    def knows(self, path: str) -> bool:
        """Whether a test, or an import, ran something of this file or opened it."""
        number = key(path, FILE)
        return number in self._imported or bool(self.ran(number))

    @property
    def imported(self) -> str:
        """What ran while files were collected, as the program that compares syntax trees takes it."""
        return base64.b64encode(np.array(sorted(self._imported), dtype="<u4").tobytes()).decode("ascii")


def merged(blobs: Iterable[bytes]) -> bytes:
    """The units of all of them, in order."""
    arrays = [np.frombuffer(one, dtype="<u4") for one in blobs]
    return np.unique(np.concatenate(arrays)).astype("<u4").tobytes() if arrays else b""
