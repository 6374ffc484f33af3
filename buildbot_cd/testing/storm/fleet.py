# SPDX-License-Identifier: GPL-2.0-only
"""The fleet in a storm: at no moment a host without a release, and in the end each with the one that is recorded."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Self

from buildbot_cd.core.rollout.owed import owed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

EVERY = 0.02
"""Seconds between two looks at the hosts."""


class FleetWatch:
    """Looks at each host's ``current`` for as long as it is entered; it has to lead to what the service serves."""

    def __init__(self, hosts: Iterable[Path]) -> None:
        self.hosts = tuple(hosts)
        self.looks = 0
        self.missing: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="fleet watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def look(self) -> None:
        """One look at all hosts."""
        self.looks += 1
        for host in self.hosts:
            # A path is followed in several steps, between which a switch and a clean-up may come: ask twice.
            if not _serves(host) and not _serves(host):
                self.missing.append(f"{host.name} at {time.time():.2f}")

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self.look()


def _serves(host: Path) -> bool:
    return os.path.exists(host / "current" / "app.txt")  # noqa: PTH110 - several thousand times a minute


def as_recorded(
    history: Iterable[Mapping[str, str | None]], carried: Mapping[str, str], told: Mapping[str, str], text: str
) -> None:
    """Each host carries what the record says, and that is what is live.

    :param history: of each rollout, oldest first, host to desired release.
    :param carried: host to the release that its ``current`` names.
    :param told: host to what it serves; ``text`` is what the live revision is built to.

    Raises AssertionError that names the host.
    """
    wanted = owed(history, carried)
    for host, release in carried.items():
        assert release == wanted.get(host), f"{host} carries {release}, recorded is {wanted.get(host)}"
        assert told[host] == text, f"{host} serves {told[host]!r}, live is {text!r}"
