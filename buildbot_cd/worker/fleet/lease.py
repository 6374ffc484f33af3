# SPDX-License-Identifier: GPL-2.0-only
"""Who may change the fleet: a lease in a file on the deploy worker, for a time, given back by its owner alone.

Gates, masters and people who bring releases to the same hosts name the same file. Within one owner, fences order what
is asked; between owners there is no order, and so the second one is refused and told who it is waiting for.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Iterator


def take(path: str, owner: str, seconds: float, now: float, fence: int = 0) -> None:
    """Take the lease, or renew one's own, until ``now + seconds``; ``now`` is in seconds since the epoch.

    ``fence`` is the number of the owner's rollout.

    :raises FleetError: somebody else holds it; nothing was changed.
    """
    with _open(path) as held:
        if held and held["owner"] != owner and held["until"] > now:
            until = time.strftime("%H:%M:%S", time.localtime(held["until"]))
            raise FleetError(f"lease: {held['owner']} is changing this fleet until {until}, {owner} has to wait")
        held.clear()
        held.update(owner=owner, until=now + seconds, fence=fence)


def give_back(path: str, owner: str, fence: int | None = None) -> bool:
    """End the lease; False, changing nothing, if it is not this owner's, or if it serves a newer rollout by now."""
    with _open(path) as held:
        ours = bool(held) and held["owner"] == owner and (fence is None or held["fence"] <= fence)
        if ours:
            held.clear()
    return ours


@contextlib.contextmanager
def _open(path: str) -> Iterator[dict[str, Any]]:
    """What the file says, under its lock; written back if it was changed."""
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        try:
            held: dict[str, Any] = json.loads(text) if text.strip() else {}
        except ValueError:
            raise FleetError(f"lease: {path} is not JSON; look at it and remove it") from None
        before = dict(held)
        yield held
        if held != before:
            os.pwrite(file.fileno(), json.dumps(held).encode().ljust(len(text)), 0)
