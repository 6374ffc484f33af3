# SPDX-License-Identifier: GPL-2.0-only
"""The verbs that run ON a host, on its own directory. Standard library only, Python 3.8 or newer.

The ``local`` transport imports it; the ``ssh`` transport sends its text (with host_tree and host_health, the only
modules of ours that it needs) to ``python3`` on the host, where :func:`serve` answers one JSON line per JSON line
until stdin ends. Layout below a root::

    releases/<id>/            a release
    releases/<id>.complete    JSON: {"manifest": hash of the contents, "tree": hash of names, sizes and times}
    releases/.<id>.partial/   being copied
    current                   symlink to releases/<id>, replaced by rename only
    cd-state.json             {"current", "previous", "fence", "moving": {"from", "to"} while a switch is on its way,
                               "restarted": the release that the service was last restarted for}
    .cd-lock                  flock of whoever changes any of these

The symlink is the truth; the state file adds what the symlink cannot say. Every verb can be killed anywhere and asked
again.
"""

# pathlib would cost its import on every host, and os is enough here:
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

from buildbot_cd.worker.fleet.host_health import wait_for_release
from buildbot_cd.worker.fleet.host_tree import manifest as folder_manifest
from buildbot_cd.worker.fleet.host_tree import tree_stamp

TYPE_CHECKING = False  # the real one costs the import of `typing` on every host
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO

LOCK_SECONDS = 20.0
_RELEASE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class VerbError(Exception):
    """A verb that did not work. ``kind`` is the phase that the event will name: refused, failed or unhealthy."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def checkpoint(name: str) -> None:
    """Mark a place between two steps on disk; the crash tests put a killing function here."""


# --- names, lock, state ---------------------------------------------------------------------------------------------


def _release_dir(root: str, release: object) -> str:
    if not isinstance(release, str) or not _RELEASE.fullmatch(release) or release.endswith(".complete"):
        raise VerbError("refused", f"release id {release!r} is not usable: letters, digits, '.', '_' and '-' only")
    return os.path.join(root, "releases", release)


def _partial_dir(root: str, release: str) -> str:
    folder, name = os.path.split(_release_dir(root, release))
    return os.path.join(folder, f".{name}.partial")


@contextlib.contextmanager
def _locked(root: str) -> Iterator[None]:
    """Hold the host's lock; the kernel frees it if we are killed. Waits up to LOCK_SECONDS."""
    os.makedirs(os.path.join(root, "releases"), exist_ok=True)
    until = time.monotonic() + LOCK_SECONDS
    with open(os.path.join(root, ".cd-lock"), "a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise VerbError("refused", f"another deployment holds {root}/.cd-lock; try again later") from None
                time.sleep(0.05)
        yield


def _write(path: str, content: dict[str, Any]) -> None:
    """Replace a small file as a whole, on disk before it is seen."""
    fresh = f"{path}.new"
    with open(fresh, "w") as handle:
        json.dump(content, handle, sort_keys=True)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(fresh, path)


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path) as handle:
            content = json.load(handle)
    except FileNotFoundError:
        return None
    except ValueError:
        raise VerbError("failed", f"{path} is not JSON; look at it and remove it") from None
    return content if isinstance(content, dict) else None


def _linked(root: str) -> str | None:
    """The release that `current` points to."""
    try:
        target = os.readlink(os.path.join(root, "current"))
    except FileNotFoundError:
        return None
    except OSError:
        raise VerbError("refused", f"{root}/current is no symlink; move it away") from None
    return os.path.basename(target)


def _state(root: str) -> dict[str, Any]:
    """The state file, corrected by what the symlink says (a kill between the two leaves them apart)."""
    state = _read(os.path.join(root, "cd-state.json")) or {}
    current, moving = _linked(root), state.pop("moving", None)
    if moving and current == moving["to"]:
        state["previous"] = moving["from"]
    return {
        "current": current,
        "previous": state.get("previous"),
        "fence": int(state.get("fence") or 0),
        "restarted": state.get("restarted"),
    }


def _fence(root: str, state: dict[str, Any], fence: int) -> None:
    if fence < state["fence"]:
        raise VerbError(
            "refused", f"fence {fence} is older than {state['fence']}: a newer rollout has taken this host over"
        )
    if fence > state["fence"]:
        state["fence"] = fence
        _write(os.path.join(root, "cd-state.json"), state)


# --- releases --------------------------------------------------------------------------------------------------------


def _marker(root: str, release: str) -> dict[str, Any] | None:
    path = _release_dir(root, release)
    return _read(f"{path}.complete") if os.path.isdir(path) else None


def _verify(root: str, release: str) -> None:
    """Refuse a release that is not here as a whole and unchanged."""
    marker = _marker(root, release)
    if marker is None:
        raise VerbError("refused", f"release {release} is not complete on this host; stage it first")
    path = _release_dir(root, release)
    if marker.get("tree") != tree_stamp(path) and marker.get("manifest") != folder_manifest(path):
        raise VerbError("refused", f"release {release} was changed after it was staged; stage it again")


# --- verbs ----------------------------------------------------------------------------------------------------------


def _seen(root: str, **more: object) -> dict[str, Any]:
    state = _state(root)
    return {"release": state["current"], "previous": state["previous"], "fence": state["fence"], **more}


def status(root: str, **_: object) -> dict[str, Any]:
    """What is here: the current and previous release, the fence and the complete releases."""
    return _seen(root, releases=_complete(root))


def _complete(root: str) -> list[str]:
    """Complete releases, the newest first."""
    folder = os.path.join(root, "releases")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    marked = [name[: -len(".complete")] for name in names if name.endswith(".complete")]
    there = [name for name in marked if os.path.isdir(os.path.join(folder, name))]
    return sorted(there, key=lambda name: os.stat(os.path.join(folder, f"{name}.complete")).st_mtime_ns, reverse=True)


def prepare(root: str, release: str, manifest: str, fence: int, **_: object) -> dict[str, Any]:
    """Make an empty place for a release, unless it is here already as a whole (``complete`` is true then)."""
    with _locked(root):
        _fence(root, _state(root), fence)
        marker = _marker(root, release)
        if marker is not None and marker.get("manifest") == manifest:
            with contextlib.suppress(VerbError):
                _verify(root, release)
                return _seen(root, complete=True)
        _drop(root, release)
        partial = _partial_dir(root, release)
        shutil.rmtree(partial, ignore_errors=True)
        os.makedirs(partial)
        return _seen(root, complete=False, rsync=shutil.which("rsync") is not None)


def _drop(root: str, release: str) -> None:
    """Remove a release, marker first, so that it is never half there and called complete."""
    if release == _linked(root):
        raise VerbError("refused", f"release {release} is current on this host with other contents; use a new id")
    path = _release_dir(root, release)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{path}.complete")
    checkpoint("drop:unmarked")
    if os.path.isdir(path):
        shutil.rmtree(path)


def finish(root: str, release: str, manifest: str, fence: int, **_: object) -> dict[str, Any]:
    """Check what was copied against ``manifest`` and make it a complete release."""
    with _locked(root):
        _fence(root, _state(root), fence)
        partial, path = _partial_dir(root, release), _release_dir(root, release)
        found = folder_manifest(partial)
        if found != manifest:
            raise VerbError("failed", f"release {release} arrived damaged (manifest {found[:12]}, not {manifest[:12]})")
        checkpoint("finish:verified")
        os.rename(partial, path)
        checkpoint("finish:renamed")
        _write(f"{path}.complete", {"manifest": manifest, "tree": tree_stamp(path)})
        checkpoint("finish:marked")
        return _seen(root)


def unpack(root: str, release: str, size: int, stream: BinaryIO, **_: object) -> dict[str, Any]:
    """Read ``size`` bytes of a tar from ``stream`` into the partial folder; they are read whatever happens."""
    bounded = _Bounded(stream, size)
    try:
        source: Any = bounded  # all that the stream mode calls is read()
        with tarfile.open(fileobj=source, mode="r|") as tar:
            for member in tar:
                if member.name.startswith("/") or ".." in member.name.split("/"):
                    raise VerbError("refused", f"{member.name!r} would be written outside of the release")
                tar.extract(member, _partial_dir(root, release), **_FILTER)
    finally:
        while bounded.read(1 << 20):
            pass
    return {}


_FILTER: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}


class _Bounded:
    """The next ``left`` bytes of a stream."""

    def __init__(self, stream: BinaryIO, left: int) -> None:
        self.stream = stream
        self.left = left

    def read(self, size: int) -> bytes:
        block = self.stream.read(min(size, self.left))
        self.left = self.left - len(block) if block else 0
        return block


def switch(root: str, release: str, fence: int, **more: Any) -> dict[str, Any]:
    """Point `current` to ``release``: compare and set, then restart the service if that was not done for it yet.

    ``expect``, if given, is the release (or None) that must be current now; being on ``release`` already is fine.
    """
    with _locked(root):
        state = _state(root)
        _fence(root, state, fence)
        current = state["current"]
        if current != release:
            if "expect" in more and more["expect"] != current:
                raise VerbError("refused", f"expected {more['expect']} to be current, found {current}")
            _verify(root, release)
            _move(root, state, release)
    if more.get("restart") and _state(root)["restarted"] != release:
        _restart(more["restart"], float(more.get("restart_timeout", 60.0)))
        with _locked(root):
            state = _state(root)
            state["restarted"] = release
            _write(os.path.join(root, "cd-state.json"), state)
    return _seen(root)


def _move(root: str, state: dict[str, Any], release: str) -> None:
    """Write the intent, rename the new symlink over the old one, write the result."""
    path, old = os.path.join(root, "cd-state.json"), state["current"]
    _write(path, {**state, "restarted": None, "moving": {"from": old, "to": release}})
    checkpoint("switch:intent")
    fresh = os.path.join(root, ".current.new")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    os.symlink(os.path.join("releases", release), fresh)
    checkpoint("switch:link")
    os.replace(fresh, os.path.join(root, "current"))
    checkpoint("switch:renamed")
    _write(path, {**state, "current": release, "previous": old, "restarted": None})
    checkpoint("switch:recorded")


def _restart(argv: list[str], timeout: float) -> None:
    # The output goes to a file: a service that stays in the background would keep a pipe open, and us waiting.
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise VerbError("failed", f"restart {argv[0]} took longer than {timeout:g} s") from None
        except OSError as error:
            raise VerbError("failed", f"restart {argv[0]} could not be started: {error}") from None
        output.seek(0)
        if done.returncode != 0:
            tail = output.read().decode("utf-8", "replace").strip()[-300:]
            raise VerbError("failed", f"restart {argv[0]} ended with {done.returncode}: {tail}")


def health(root: str, release: str | None, **more: Any) -> dict[str, Any]:
    """Wait until the service says that it serves ``release`` (default: the current one).

    ``wait`` is in seconds. Without ``url`` the symlink alone is judged; without ``header`` any answer of 2xx will do.
    """
    current = _linked(root)
    if current is None or current != (release or current):
        raise VerbError("unhealthy", f"{current or 'no release'} is current, not {release or 'any'}")
    if more.get("url"):
        problem = wait_for_release(more["url"], more.get("header"), current, float(more.get("wait", 10.0)))
        if problem:
            raise VerbError("unhealthy", problem)
    return _seen(root)


def gc(root: str, keep: int, fence: int, protect: list[str], **_: object) -> dict[str, Any]:
    """Remove all but the newest ``keep`` releases; never current, previous or ``protect``, and no half copied one."""
    removed = []
    with _locked(root):
        state = _state(root)
        _fence(root, state, fence)
        holy = {state["current"], state["previous"], *protect}
        for release in _complete(root)[keep:]:
            if release not in holy:
                _drop(root, release)
                removed.append(release)
    return _seen(root, removed=removed)


# --- the loop -------------------------------------------------------------------------------------------------------

VERBS: dict[str, Callable[..., dict[str, Any]]] = {
    "status": status,
    "prepare": prepare,
    "unpack": unpack,
    "finish": finish,
    "switch": switch,
    "rollback": switch,
    "health": health,
    "gc": gc,
}


def answer(request: dict[str, Any], stream: BinaryIO | None = None) -> dict[str, Any]:
    """Do one verb: ``{"verb", "root", ...}`` gives ``{"ok": true, ...}`` or ``{"ok": false, "kind", "error"}``."""
    arguments = dict(request)
    verb, root = arguments.pop("verb", None), arguments.get("root")
    if verb == "unpack":
        arguments["stream"] = stream
    try:
        if verb not in VERBS or not isinstance(root, str):
            raise VerbError("refused", f"unknown verb {verb!r}")
        return {"ok": True, **VERBS[verb](**arguments)}
    except VerbError as error:
        problem, kind = str(error), error.kind
    except (OSError, tarfile.TarError, TypeError, ValueError) as error:
        problem, kind = f"{verb}: {error}", "failed"
    seen: dict[str, Any] = {}
    with contextlib.suppress(VerbError, OSError, TypeError, ValueError):
        seen = _seen(root) if isinstance(root, str) else {}
    return {"ok": False, "kind": kind, "error": problem, **seen}


def serve(incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Answer requests, one JSON line each, until ``incoming`` ends. The bytes of ``unpack`` follow its line."""
    for line in iter(incoming.readline, b""):
        outgoing.write(json.dumps(answer(json.loads(line), incoming)).encode() + b"\n")
        outgoing.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
