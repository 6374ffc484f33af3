# SPDX-License-Identifier: GPL-2.0-only
"""Names, lock and state of a host's directory; runs on hosts: standard library only, Python 3.8 or newer.

``cd-state.json`` holds what the symlink ``current`` cannot say: {"previous", "fence", "moving": {"from", "to"} of the
last switch, "restarted": the release that the service was last restarted for, "drained": true while the host is out of
traffic}. It is written before the symlink moves, and read in the light of what the symlink says.
"""

# pathlib would cost its import on every host, and os is enough here:
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time

TYPE_CHECKING = False  # the real one costs the import of `typing` on every host
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

LOCK_SECONDS = 20.0
_RELEASE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_OURS = (".complete", ".files")  # endings of our own files beside a release


class VerbError(Exception):
    """A verb that did not work. ``kind`` is the phase that the event will name: refused, failed or unhealthy."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def checkpoint(name: str) -> None:
    """Mark a place between two steps on disk; the crash tests put a killing function here."""


def release_dir(root: str, release: object) -> str:
    """The folder of a release, if that can be its id."""
    if not isinstance(release, str) or not _RELEASE.fullmatch(release) or release.endswith(_OURS):
        raise VerbError("refused", f"release id {release!r} is not usable: letters, digits, '.', '_' and '-' only")
    return os.path.join(root, "releases", release)


def partial_dir(root: str, release: str) -> str:
    """Where the release is copied to."""
    folder, name = os.path.split(release_dir(root, release))
    return os.path.join(folder, f".{name}.partial")


def may_write(root: str) -> bool:
    """Whether this account may make the host's directory, or change it where it is."""
    while not os.path.lexists(root) and os.path.dirname(root) != root:
        root = os.path.dirname(root)
    return os.path.isdir(root) and os.access(root, os.W_OK | os.X_OK)


@contextlib.contextmanager
def locked(root: str, name: str = ".cd-lock", seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold one of the host's locks; the kernel frees it if we are killed. Waits so many seconds for it."""
    os.makedirs(os.path.join(root, "releases"), exist_ok=True)
    until = time.monotonic() + seconds
    with open(os.path.join(root, name), "a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise VerbError("refused", f"another deployment holds {root}/{name}; try again later") from None
                time.sleep(0.05)
        yield


def write(path: str, content: dict[str, Any]) -> None:
    """Replace a small file as a whole, on disk before it is seen."""
    fresh = f"{path}.new"
    with open(fresh, "w") as handle:
        json.dump(content, handle, sort_keys=True)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(fresh, path)


def read(path: str) -> dict[str, Any] | None:
    """The content of such a file; None if it is not there."""
    try:
        with open(path) as handle:
            content = json.load(handle)
    except FileNotFoundError:
        return None
    except ValueError:
        raise VerbError("failed", f"{path} is not JSON; look at it and remove it") from None
    return content if isinstance(content, dict) else None


def linked(root: str) -> str | None:
    """The release that `current` points to."""
    try:
        target = os.readlink(os.path.join(root, "current"))
    except FileNotFoundError:
        return None
    except OSError:
        raise VerbError("refused", f"{root}/current is no symlink; move it away") from None
    return os.path.basename(target)


def state_of(root: str) -> dict[str, Any]:
    """The state file, read in the light of the symlink: a switch that was begun has happened if the symlink says so."""
    state = read(os.path.join(root, "cd-state.json")) or {}
    current, moving = linked(root), state.get("moving") or {"from": None, "to": None}
    happened = current == moving["to"] != moving["from"]
    return {
        "current": current,
        "previous": moving["from"] if happened else state.get("previous"),
        "fence": int(state.get("fence") or 0),
        "restarted": state.get("restarted"),
        "drained": bool(state.get("drained")),
    }


def keep(root: str, state: dict[str, Any], **changes: object) -> None:
    """Write the state; the caller holds the lock."""
    write(os.path.join(root, "cd-state.json"), {**state, **changes})


def fenced(state: dict[str, Any], fence: int) -> bool:
    """Take a fence into the state, refuse an older one; whether it is new and has to be written."""
    if fence < state["fence"]:
        raise VerbError(
            "refused", f"fence {fence} is older than {state['fence']}: a newer rollout has taken this host over"
        )
    newer = bool(fence > state["fence"])
    state["fence"] = fence
    return newer


def seen(root: str, **more: object) -> dict[str, Any]:
    """What every answer tells."""
    state = state_of(root)
    told = {"release": state["current"], "previous": state["previous"], "fence": state["fence"], **more}
    return {**told, "drained": True} if state["drained"] else told
