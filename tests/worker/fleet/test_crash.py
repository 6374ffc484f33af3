# SPDX-License-Identifier: GPL-2.0-only
import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, list[dict[str, Any]]]]

# The program with a death at one place between two steps on disk.
DIES_AT = """
import os, sys
from buildbot_cd.worker.fleet import host_state, __main__
host_state.checkpoint = lambda name: os._exit(9) if name == sys.argv[1] else None
sys.exit(__main__.main([]))
"""
PLACES = ["finish:verified", "finish:renamed", "finish:marked"]
SWITCH_PLACES = ["switch:intent", "switch:link", "switch:renamed"]


def base(tmp_path: Path, count: int) -> dict[str, Any]:
    """What all requests of a test share."""
    hosts = [{"name": f"h{n}", "address": "127.0.0.1"} for n in range(count)]
    return {"transport": "local", "root": f"{tmp_path}/hosts/{{name}}", "hosts": hosts, "fence": 1}


def die_at(place: str, **request: Any) -> None:
    """Run the request in a process that dies at ``place``."""
    done = subprocess.run([sys.executable, "-c", DIES_AT, place], input=json.dumps(request).encode(), check=False)
    assert done.returncode == 9


@pytest.mark.parametrize("place", PLACES)
def test_staging_after_a_death_ends_whole(fan_out: Run, tmp_path: Path, payload: Path, place: str) -> None:
    """Wherever staging dies, the release is either complete or refused, and staging again completes it."""
    request = {"verb": "stage", "release": "r-1", "payload": str(payload), **base(tmp_path, 2)}
    die_at(place, **request)
    assert fan_out(**request)[0] == 0
    assert fan_out(verb="switch", release="r-1", **base(tmp_path, 2))[0] == 0
    left = sorted(path.name for path in (tmp_path / "hosts" / "h0" / "releases").iterdir())
    assert left == ["r-1", "r-1.complete", "r-1.files"]


@pytest.mark.parametrize("place", SWITCH_PLACES)
def test_a_switch_after_a_death_converges(fan_out: Run, tmp_path: Path, payload: Path, place: str) -> None:
    """Wherever a switch dies, the previous release stays known, the restart is made up for and rollback works."""
    common = base(tmp_path, 2)
    for release in ("r-1", "r-2"):
        assert fan_out(verb="stage", release=release, payload=str(payload), **common)[0] == 0
    assert fan_out(verb="switch", release="r-1", **common)[0] == 0
    request = {
        "verb": "switch", "release": "r-2", "expect": {"h0": "r-1", "h1": "r-1"},
        "restart": ["touch", "{root}/restarted"], **common,
    }  # fmt: skip
    die_at(place, **request)
    code, events = fan_out(**request)
    assert code == 0
    assert {(e["release"], e["previous"]) for e in events if e["event"] == "host"} == {("r-2", "r-1")}
    assert all((tmp_path / "hosts" / name / "restarted").exists() for name in ("h0", "h1"))
    assert fan_out(verb="rollback", to={"h0": "r-1", "h1": "r-1"}, **common)[0] == 0


def test_kills_at_random_moments_converge(fan_out: Run, tmp_path: Path, payload: Path) -> None:
    """After kill -9 at random events of stage and switch, one more run ends with every host on the release."""
    common, rng = base(tmp_path, 8), random.Random(7)
    for number in range(1, 6):
        release = f"r-{number}"
        requests = [{"verb": "stage", "payload": str(payload)}, {"verb": "switch", "restart": ["true"]}]
        for request in requests:
            kill_after({**common, **request, "release": release}, rng.randrange(0, 8))
        for request in requests:
            code, events = fan_out(**common, **request, release=release)
            assert (code, events[-1]["ok"]) == (0, 8)
        _, events = fan_out(verb="status", **common)
        seen = {(e["release"], e["previous"]) for e in events if e["event"] == "host"}
        assert seen == {(release, f"r-{number - 1}" if number > 1 else None)}


def kill_after(request: dict[str, Any], events: int) -> None:
    """Run the request and kill the process when it has told so many events, or at its start."""
    command = [sys.executable, "-m", "buildbot_cd.worker.fleet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request).encode())
        process.stdin.close()
        for _ in range(events):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
