# SPDX-License-Identifier: GPL-2.0-only
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, list[dict[str, Any]]]]
HOSTS = [{"name": f"h{n}", "address": "127.0.0.1"} for n in range(6)]


def last_phases(events: list[dict[str, Any]]) -> dict[str, str]:
    """Each host's result."""
    return {event["host"]: event["phase"] for event in events if event["event"] == "host"}


def test_a_rollout_and_back(fan_out: Run, tmp_path: Path, payload: Path, shop: tuple[str, dict[str, str]]) -> None:
    """Stage, switch with restart and health, a second time as a no-op, roll back, collect."""
    url, serving = shop
    serving.update({f"/h{n}": "r-1" for n in range(6)})
    base = {"transport": "local", "root": f"{tmp_path}/{{name}}", "hosts": HOSTS, "fence": 1}
    health = {"url": f"{url}/{{name}}", "release_header": "X-Release", "timeout": 5}
    restart = ["sh", "-c", 'echo "$1" >> "$0"', "{root}/log", "{name} {release} {unknown}"]
    assert fan_out(verb="stage", release="r-1", payload=str(payload), **base)[0] == 0
    for _ in range(2):
        code, events = fan_out(verb="switch", release="r-1", restart=restart, health=health, **base)
        assert code == 0, events
        assert [e["phase"] for e in events if e.get("host") == "h3"] == ["switched", "healthy"]
    assert (tmp_path / "h3" / "log").read_text() == "h3 r-1 {unknown}\n"
    assert events[-1]["event"] == "end"
    assert (events[-1]["ok"], events[-1]["failed"]) == (6, 0)
    assert events[-2] == {"event": "progress", "done": 6, "of": 6, "eta": 0.0}
    fan_out(verb="stage", release="r-2", payload=str(payload), **base)
    code, events = fan_out(verb="switch", release="r-2", expect={"h0": "r-0"}, **base)
    assert code == 1
    assert last_phases(events) == {"h0": "refused", **{f"h{n}": "healthy" for n in range(1, 6)}}
    code, events = fan_out(verb="rollback", to={f"h{n}": "r-1" for n in range(6)}, health=health, **base)
    assert code == 0
    assert [e["phase"] for e in events if e.get("host") == "h3"] == ["rolled_back", "healthy"]
    code, events = fan_out(verb="status", **base)
    assert {event["release"] for event in events if event["event"] == "host"} == {"r-1"}


def test_hosts_share_files_with_each_other_but_not_with_the_build(fan_out: Run, tmp_path: Path, payload: Path) -> None:
    """Releases are hard links of one copy; a later build that writes into its own files changes no host."""
    base = {"transport": "local", "root": f"{tmp_path}/{{name}}", "hosts": HOSTS, "fence": 1}
    assert fan_out(verb="stage", release="r-1", payload=str(payload), **base)[0] == 0
    inodes = {(tmp_path / f"h{n}" / "releases" / "r-1" / "data").stat().st_ino for n in range(6)}
    assert len(inodes) == 1
    assert (payload / "data").stat().st_ino not in inodes


def test_a_stale_service_is_unhealthy_and_the_budget_stops_the_rest(
    fan_out: Run, tmp_path: Path, payload: Path, shop: tuple[str, dict[str, str]]
) -> None:
    """After more bad hosts than the budget no further host is begun; those are told as skipped."""
    base = {"transport": "local", "root": f"{tmp_path}/{{name}}", "hosts": HOSTS, "fence": 1}
    fan_out(verb="stage", release="r-1", payload=str(payload), **base)
    health = {"url": f"{shop[0]}/healthz", "release_header": "X-Release", "timeout": 0.2}
    code, events = fan_out(verb="switch", release="r-1", health=health, parallel={"switch": 1}, budget=1, **base)
    phases = ["unhealthy", "unhealthy", "skipped", "skipped", "skipped", "skipped"]
    assert (code, list(last_phases(events).values())) == (1, phases)
    assert (events[-1]["ok"], events[-1]["failed"], events[-1]["skipped"]) == (0, 2, 4)
    assert not (tmp_path / "h5" / "current").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verb": "swich"}, "verb: 'swich' is none of"),
        ({"parralel": {}}, "unknown key 'parralel'; did you mean 'parallel'?"),
        ({"root": "srv"}, "root: must be an absolute path"),
        ({"root": "/srv/shop"}, "share /srv/shop; put {name} into root"),
        ({"root": "/srv/{nmae}"}, "root: unknown placeholder {nmae}"),
        ({"hosts": [{"name": "../x", "address": "a"}]}, "hosts: inventory entry 1: host name '../x'"),
        ({"release": None}, "release: missing; the verb stage needs it"),
        ({"release": "a/b"}, "release: 'a/b' is not a release id"),
        ({"payload": "/nonexistent"}, "payload: /nonexistent is not a folder"),
        ({"fence": "7"}, "fence: must be of type int"),
        ({"health": {"url": "file:///etc/passwd"}}, "health.url: must be http:// or https://"),
        ({"parallel": {"stage": 0}}, "parallel.stage: must be at least 1"),
        ({"expect": {"nobody": None}}, "expect: host 'nobody' is not among the hosts"),
        ({"verb": "rollback", "to": {"h0": "r-1"}}, "to: no release for h1, h2"),
    ],
)
def test_requests_that_cannot_be_done(fan_out: Run, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    """A bad request touches no host, ends with 2 and names the key."""
    good = {"verb": "stage", "transport": "local", "root": f"{tmp_path}/{{name}}", "hosts": HOSTS, "fence": 1}
    code, events = fan_out(**{**good, "release": "r-1", "payload": str(tmp_path), **change})
    assert code == 2
    assert events[0]["event"] == "error"
    assert words in events[0]["error"]


def test_neither_buildbot_nor_asyncssh_is_imported_for_local_hosts() -> None:
    """The program is light, and runs on a worker without the extra."""
    text = (
        "import sys, buildbot_cd.worker.fleet.__main__ as m; from buildbot_cd.worker.fleet import local, host;"
        "print([n for n in sys.modules if n.split('.')[0] in ('buildbot', 'twisted', 'asyncssh', 'pydantic')])"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
