# SPDX-License-Identifier: GPL-2.0-only
"""A private Crossbar router for tests: what carries the events between the masters of one cluster. On loopback only."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from buildbot_cd.cli.demo.site import free_ports, template
from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from collections.abc import Iterator

_READY_SECONDS = 120.0
_CONFIGURED_PORT = "8080"


def program() -> str | None:
    """The router's program: ``CD_CROSSBAR``, or in its own environment beside ours (`make test` makes it), or on PATH.

    It has an environment of its own since it and Buildbot want different versions of what both use.
    """
    beside = Path(sys.prefix).parent / ".venv-crossbar" / "bin" / "crossbar"
    named = os.environ.get("CD_CROSSBAR")
    return named or (str(beside) if beside.exists() else shutil.which("crossbar"))


def missing() -> str:
    """Why there can be none here; empty if there can."""
    return "" if program() else "no crossbar: python3 -m venv .venv-crossbar && .venv-crossbar/bin/pip install crossbar"


@contextmanager
def crossbar_router(folder: Path) -> Iterator[str]:
    """The router with the configuration that ``master/`` ships; gives its URL. Raises CdError with its last words."""
    command = program()
    if command is None:
        raise CdError(missing())
    (port,) = free_ports(1)
    node = folder / ".crossbar"
    node.mkdir(parents=True)
    config = (template("master") / "crossbar.json").read_text("utf-8").replace(_CONFIGURED_PORT, str(port))
    (node / "config.json").write_text(config, encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [command, "start", "--cbdir", str(node)], stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
    try:
        _wait(port, process, folder / "log")
        yield f"ws://127.0.0.1:{port}/ws"
    finally:
        # It has a process for each of its parts; all are in the group that it leads.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise CdError(f"crossbar did not come up: {log.read_text('utf-8', 'replace')[-1000:]}")
