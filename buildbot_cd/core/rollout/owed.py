# SPDX-License-Identifier: GPL-2.0-only
"""What each host shall carry when nothing is on its way: for hosts that come back late, and for drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def owed(history: Iterable[Mapping[str, str | None]], hosts: Iterable[str]) -> dict[str, str]:
    """The release that each host shall carry; a host about which nothing was ever decided is not in the result.

    :param history: of each rollout, oldest first, host to desired release; None: the rollout left the host alone. A
        rollback is a rollout too: its hosts' desired release is the one that they go back to.
    """
    wanted = set(hosts)
    found: dict[str, str] = {}
    for rollout in history:
        found.update({host: release for host, release in rollout.items() if release is not None and host in wanted})
    return found
