# SPDX-License-Identifier: GPL-2.0-only
"""The service on a host: its commands and its health. Standard library only, Python 3.8 or newer."""

from __future__ import annotations

import os

from buildbot_cd.worker.fleet.host_state import VerbError, keep, linked, locked, seen, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMMAND_SECONDS = 60.0


def run_command(what: str, argv: list[str], timeout: float, folder: str | None = None) -> None:
    """Run a command of the host's operators to its end, without a shell.

    Its output goes to a file: a service that stays in the background would keep a pipe open, and us waiting.
    """
    import subprocess
    import tempfile

    with tempfile.TemporaryFile() as output:
        streams: Any = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        try:
            done = subprocess.run(argv, **streams, timeout=timeout, cwd=folder, check=False)
        except subprocess.TimeoutExpired:
            raise VerbError("failed", f"{what} {argv[0]} took longer than {timeout:g} s") from None
        except OSError as error:
            raise VerbError("failed", f"{what} {argv[0]} could not be started: {error}") from None
        output.seek(0)
        if done.returncode != 0:
            tail = output.read().decode("utf-8", "replace").strip()[-300:]
            raise VerbError("failed", f"{what} {argv[0]} ended with {done.returncode}: {tail}")


def restart_once(root: str, release: str, argv: list[str], timeout: float) -> None:
    """Restart the service if that was not done for this release yet; a second caller waits for the first."""
    with locked(root, ".cd-restart-lock", timeout + 5.0):
        if state_of(root)["restarted"] == release:
            return
        run_command("restart", argv, timeout)
        with locked(root):
            state = state_of(root)
            if state["current"] == release:
                keep(root, state, restarted=release)


def drain(root: str, argv: list[str], timeout: float = COMMAND_SECONDS, **_: object) -> dict[str, Any]:
    """Take the host out of traffic; noted before the command runs, so that whoever comes next knows to undo it."""
    with locked(root):
        keep(root, state_of(root), drained=True)
    run_command("drain", argv, timeout)
    return seen(root)


def undrain(root: str, argv: list[str], timeout: float = COMMAND_SECONDS, **_: object) -> dict[str, Any]:
    """Let traffic come again, if it was kept away."""
    if state_of(root)["drained"]:
        run_command("undrain", argv, timeout)
        with locked(root):
            keep(root, state_of(root), drained=False)
    return seen(root)


def health(root: str, release: str | None = None, **more: Any) -> dict[str, Any]:
    """Wait until the service says that it serves ``release`` (default: the current one).

    ``wait`` is in seconds. Without ``url`` the symlink alone is judged; without ``header`` any answer of 2xx will do.
    """
    current = linked(root)
    if current is None or current != (release or current):
        raise VerbError("unhealthy", f"{current or 'no release'} is current, not {release or 'any'}")
    if more.get("url"):
        from buildbot_cd.worker.fleet.host_health import wait_for_release

        problem = wait_for_release(more["url"], more.get("header"), current, float(more.get("wait", 10.0)))
        if problem:
            raise VerbError("unhealthy", problem)
    return seen(root)


def pull(root: str, release: str, argv: list[str], partial: str, timeout: float) -> dict[str, Any]:
    """Let a command of the host fetch the release into its partial folder, which is its working directory."""
    del release
    if not os.path.isdir(partial):
        raise VerbError("failed", f"{partial} is not there; prepare it first")
    run_command("pull", argv, timeout, partial)
    return seen(root)
