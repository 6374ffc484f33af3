# SPDX-License-Identifier: GPL-2.0-only
"""What the demo's fleet carries in the beginning: the founding release, put there by the fan-out program itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from buildbot_cd.cli.demo import workspace
from buildbot_cd.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.cli.demo.workspace import Workspace

RELEASE = "r0-founding"
SECONDS = 120.0


def restart_command(place: Workspace, python: str = sys.executable) -> list[str]:
    """What cd.yaml's ``fleet.restart`` is in this workspace."""
    root = str(place.fleet / "{name}")
    program = [python, "-m", "buildbot_cd.cli.demo.hosts", "restart", "--root", root, "--name", "{name}"]
    return [*program, "--address", "{address}", "--port", str(place.port)]


def found(place: Workspace) -> None:
    """Build the founding commit and let every host serve it. FleetError when one does not."""
    tree = place.directory / "founding"
    workspace.write_shop(tree)
    try:
        _run(["make", "dist", f"PYTHON={sys.executable}"], tree)
        for verb in ("stage", "switch"):
            _fleet(place, verb, str(tree / "dist"))
    finally:
        shutil.rmtree(tree)


def _fleet(place: Workspace, verb: str, payload: str) -> None:
    request = {
        "verb": verb,
        "transport": "local",
        "root": str(place.fleet / "{name}"),
        "hosts": [asdict(host) for host in place.hosts],
        "release": RELEASE,
        "payload": payload,
        "fence": 0,
        "restart": restart_command(place),
        "health": {"url": f"http://{{address}}:{place.port}/healthz", "release_header": "X-Release", "timeout": 30},
        "parallel": {"stage": 8, "switch": 4},
    }
    said = _run([sys.executable, "-m", "buildbot_cd.worker.fleet"], place.directory, json.dumps(request))
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    last = {event["host"]: event for event in events if event.get("event") == "host"}
    wanted = "staged" if verb == "stage" else "healthy"
    failed = [event for event in last.values() if event["phase"] != wanted]
    if failed or len(last) != len(place.hosts):
        raise FleetError(f"the fleet could not be founded: {_first(failed) or f'{len(last)} hosts answered'}")


def _first(failed: list[Mapping[str, Any]]) -> str:
    return "; ".join(f"{one['host']}: {one.get('error', one['phase'])}" for one in failed[:3])


def _run(argv: list[str], folder: os.PathLike[str], text: str = "") -> str:
    done = subprocess.run(argv, cwd=folder, input=text, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise FleetError(f"{' '.join(argv[:3])} ended with {done.returncode}: {(done.stdout + done.stderr)[-1000:]}")
    return done.stdout
