# SPDX-License-Identifier: GPL-2.0-only
"""The verbs that run ON a host, on its own directory. Standard library only, Python 3.8 or newer.

The ``local`` transport imports it; the ``ssh`` transport sends its text (with the other ``host_`` modules, all of ours
that it needs) to ``python3`` on the host, where :func:`serve` answers one JSON line per JSON line until stdin ends.
Layout below a root::

    releases/<id>/            a release
    releases/<id>.complete    JSON: {"manifest": hash of the contents, "tree": hash of names, sizes and times}
    releases/<id>.files       JSON: path to kind, hash, size and time; what a later release can link to
    releases/.<id>.partial/   being copied
    current                   symlink to releases/<id>, replaced by rename only
    cd-state.json             see host_state
    .cd-lock                  flock of whoever changes any of these
    .cd-restart-lock          flock of whoever restarts the service

The symlink is the truth; the state file adds what the symlink cannot say. Every verb can be killed anywhere and asked
again.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

from buildbot_cd.worker.fleet import host_state
from buildbot_cd.worker.fleet.host_releases import Bounded, complete, finish, gc, prepare, unpack, verify
from buildbot_cd.worker.fleet.host_service import COMMAND_SECONDS, drain, health, pull, restart_once, undrain
from buildbot_cd.worker.fleet.host_state import (
    VerbError,
    fenced,
    keep,
    locked,
    may_write,
    partial_dir,
    release_dir,
    seen,
    state_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO


def status(root: str, **_: object) -> dict[str, Any]:
    """What is here: the current and previous release, the fence and the complete releases; why none can come, if so."""
    closed = {} if may_write(root) else {"closed": f"this account may not write to {root}"}
    return seen(root, releases=complete(root), **closed)


def switch(root: str, release: str, fence: int, **more: Any) -> dict[str, Any]:
    """All of a host's way to ``release``: drain, point `current` to it, restart, wait for health, undrain.

    The pointing is compare and set: ``expect``, if given, is the release (or None) that must be current now; being on
    ``release`` already is fine. ``restart``, ``drain`` and ``undrain`` are argument lists, ``health`` holds url, header
    and wait. A host that did not come up stays out of traffic: whoever moves it on, or back, undrains it.
    """
    seconds = float(more.get("drain_timeout", COMMAND_SECONDS))
    if more.get("drain") and _touches(root, release, more):
        with locked(root):
            _allowed(root, release, fence, more)  # refuse before traffic is taken away
        drain(root, more["drain"], seconds)
    try:
        with locked(root):
            state, newer = _allowed(root, release, fence, more)
            if state["current"] != release:
                _move(root, state, release)
            elif newer:
                keep(root, state)
    except VerbError:
        if more.get("undrain"):
            undrain(root, more["undrain"], seconds)
        raise
    if more.get("restart"):
        restart_once(root, release, more["restart"], float(more.get("restart_timeout", COMMAND_SECONDS)))
    if more.get("health"):
        health(root, release, **more["health"])
    if more.get("undrain"):
        undrain(root, more["undrain"], seconds)
    return seen(root)


def rollback(root: str, release: str, fence: int, **more: Any) -> dict[str, Any]:
    """As `switch`, to a release that was current before: no reason to refuse it that the service has written into it
    since, or that it came here before us and has no marker.
    """
    return switch(root, release, fence, **{**more, "back": True})


def _touches(root: str, release: str, more: dict[str, Any]) -> bool:
    """Whether the service will be touched: the symlink is elsewhere, or the restart after it is still owed."""
    state = state_of(root)
    return bool(state["current"] != release or (more.get("restart") and state["restarted"] != release))


def _allowed(root: str, release: str, fence: int, more: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The state, with the fence in it, and whether that is new; refuses what the rules of a switch refuse."""
    state = state_of(root)
    newer = fenced(state, fence)
    current = state["current"]
    if current != release:
        if "expect" in more and more["expect"] != current:
            raise VerbError("refused", f"expected {more['expect']} to be current, found {current}")
        if not (more.get("back") and os.path.isdir(release_dir(root, release))):
            verify(root, release)
    return state, newer


def _move(root: str, state: dict[str, Any], release: str) -> None:
    """Write the intent, then rename the new symlink over the old one: what the symlink says is the result."""
    old = state["current"]
    keep(root, state, restarted=None, moving={"from": old, "to": release})
    host_state.checkpoint("switch:intent")
    fresh = os.path.join(root, ".current.new")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    os.symlink(os.path.join("releases", release), fresh)
    host_state.checkpoint("switch:link")
    os.replace(fresh, os.path.join(root, "current"))
    host_state.checkpoint("switch:renamed")


def _pull(root: str, release: str, argv: list[str], timeout: float, **_: object) -> dict[str, Any]:
    return pull(root, release, argv, partial_dir(root, release), timeout)


VERBS: dict[str, Callable[..., dict[str, Any]]] = {
    "status": status,
    "prepare": prepare,
    "unpack": unpack,
    "pull": _pull,
    "finish": finish,
    "switch": switch,
    "rollback": rollback,
    "drain": drain,
    "undrain": undrain,
    "health": health,
    "gc": gc,
}
_WITH_BODY = ("prepare", "unpack")


def answer(request: dict[str, Any], stream: BinaryIO | None = None) -> dict[str, Any]:
    """Do one verb: ``{"verb", "root", ...}`` gives ``{"ok": true, ...}`` or ``{"ok": false, "kind", "error"}``."""
    arguments = dict(request)
    verb, root = arguments.pop("verb", None), arguments.get("root")
    body = Bounded(stream, int(arguments.get("size") or 0)) if stream is not None else None
    if verb in _WITH_BODY:
        arguments["stream"] = body
    try:
        if verb not in VERBS or not isinstance(root, str):
            raise VerbError("refused", f"unknown verb {verb!r}")
        return {"ok": True, **VERBS[verb](**arguments)}
    except VerbError as error:
        problem, kind = str(error), error.kind
    except (OSError, TypeError, ValueError, KeyError, EOFError) as error:
        problem, kind = f"{verb}: {error}", "failed"
    finally:
        while body is not None and body.read(1 << 20):  # what a verb left unread is no request
            pass
    told: dict[str, Any] = {}
    with contextlib.suppress(VerbError, OSError, TypeError, ValueError):
        told = seen(root) if isinstance(root, str) else {}
    return {"ok": False, "kind": kind, "error": problem, **told}


def serve(incoming: BinaryIO, outgoing: BinaryIO, own: dict[str, Any] | None = None) -> None:
    """Answer requests, one JSON line each, until ``incoming`` ends; the ``size`` bytes of a body follow their line.

    With ``own`` this is a forced command: root and commands are the host's own, whatever is asked. A program that the
    other side sends first, because it knows no better, is read and ignored.
    """
    for line in iter(incoming.readline, b""):
        if own is not None and line.strip().isdigit():
            incoming.read(int(line))
            continue
        request = json.loads(line)
        told = answer(request if own is None else {**request, **_ruled(request, own)}, incoming)
        outgoing.write(json.dumps(told).encode() + b"\n")
        outgoing.flush()


_COMMANDS = {"switch": ("restart", "drain", "undrain"), "rollback": ("restart", "drain", "undrain")}


def _ruled(request: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """What the host puts in the place of what was asked."""
    verb = request.get("verb")
    if verb in ("pull", "drain", "undrain"):
        return {"root": own["root"], "argv": own.get(verb) or ["false"]}
    ruled: dict[str, Any] = {"root": own["root"]}
    ruled.update({name: own.get(name) or [] for name in _COMMANDS.get(str(verb), ())})
    if "url" in request or "health" in request:
        ruled.update({"url": own.get("url"), "health": None})
        if own.get("url") and request.get("health"):
            ruled["health"] = {**request["health"], "url": own["url"]}
    return ruled


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
