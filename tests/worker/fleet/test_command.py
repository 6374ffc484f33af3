# SPDX-License-Identifier: GPL-2.0-only
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.testing.fleet import last

Run = Callable[..., tuple[int, list[dict[str, Any]]]]
# A push script as some team has had for years: one file says what each host carries, another what lies ready there.
PUSH = """
import os, pathlib, shutil, sys
state, verb, host, release = pathlib.Path(sys.argv[1]), *sys.argv[2:5]
print(verb, host, release, os.environ["CD_RELEASE"], os.environ["CD_FENCE"], file=(state / "log").open("a"))
if (state / f"{host}.broken").exists():
    sys.exit(f"{host}: no route")
if verb == "status":
    print("looking at", host, file=sys.stderr)
    if (state / host).exists():
        print((state / host).read_text())
elif verb == "stage":
    shutil.copytree(".", state / f"{host}-{release}", dirs_exist_ok=True)
elif not (state / f"{host}.deaf").exists():
    assert (state / f"{host}-{release}").is_dir(), "not staged"
    (state / host).write_text(release)
"""


@pytest.fixture
def base(tmp_path: Path) -> dict[str, Any]:
    """A request for three hosts that the script reaches."""
    (tmp_path / "push.py").write_text(PUSH)
    script = [sys.executable, str(tmp_path / "push.py"), str(tmp_path)]
    commands = {verb: [*script, verb, "{name}", "{release}"] for verb in ("status", "stage", "switch")}
    commands["status"][-1] = "-"
    hosts = [{"name": name, "address": name} for name in ("a", "b", "c")]
    return {"transport": "command", "commands": commands, "hosts": hosts, "fence": 7}


def test_a_rollout_by_a_push_script_and_back(fan_out: Run, base: dict[str, Any], payload: Path, tmp_path: Path) -> None:
    """Stage, switch, switch again and roll back, in the script's own words; what is done is not done twice."""
    for release in ("r-1", "r-2"):
        assert fan_out(verb="stage", release=release, payload=str(payload), **base)[0] == 0
        for _ in range(2):
            code, events = fan_out(verb="switch", release=release, **base)
            assert (code, set(last(events).values())) == (0, {"healthy"}), events
    assert (tmp_path / "b-r-2" / "data").read_bytes() == (payload / "data").read_bytes()
    assert fan_out(verb="rollback", to=dict.fromkeys("abc", "r-1"), **base)[0] == 0
    _, events = fan_out(verb="status", **base)
    assert {event["release"] for event in events if event["event"] == "host"} == {"r-1"}
    moves = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("switch a")]
    assert moves == ["switch a r-1 r-1 7", "switch a r-2 r-2 7", "switch a r-1 r-1 7"]


def test_what_the_script_does_not_do_is_noticed(
    fan_out: Run, base: dict[str, Any], payload: Path, tmp_path: Path
) -> None:
    """A script that fails, one that lies, and a host that is not where it was expected are told apart."""
    for release in ("r-1", "r-2"):
        assert fan_out(verb="stage", release=release, payload=str(payload), **base)[0] == 0
    assert fan_out(verb="switch", release="r-1", **base)[0] == 0
    (tmp_path / "a.broken").touch()
    (tmp_path / "b.deaf").touch()
    (tmp_path / "c").write_text("by-hand")
    code, events = fan_out(verb="switch", release="r-2", expect=dict.fromkeys("abc", "r-1"), **base)
    seen = {event["host"]: event for event in events if event["event"] == "host"}
    assert code == 1
    assert (seen["a"]["phase"], "no route" in seen["a"]["error"]) == ("failed", True)
    assert (seen["b"]["phase"], "status says r-1, not r-2" in seen["b"]["error"]) == ("failed", True)
    assert (seen["c"]["phase"], "expected r-1 to be current, found by-hand" in seen["c"]["error"]) == ("refused", True)


def test_what_a_script_leaves_running_is_not_waited_for(fan_out: Run, base: dict[str, Any], tmp_path: Path) -> None:
    """A program that ends counts as ended, though a child of it in the background still holds its output."""
    leaves = "sleep 300 & echo $! >> $0; echo r-1"
    base["commands"]["status"] = ["sh", "-c", leaves, str(tmp_path / "pids")]
    try:
        code, events = fan_out(verb="status", **base, timeouts={"verb": 20})
        assert (code, {event["release"] for event in events if event["event"] == "host"}) == (0, {"r-1"})
        assert events[-1]["seconds"] < 15
    finally:
        for pid in (tmp_path / "pids").read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def test_a_script_that_hangs_or_is_not_there_is_told_apart(fan_out: Run, base: dict[str, Any]) -> None:
    """The one is unreachable once its time is over, the other has failed."""
    base["hosts"] = base["hosts"][:1]
    for argv, phase, words in (
        (["sleep", "300"], "unreachable", "status sleep took longer than 0.2 s"),
        (["/nowhere/push"], "failed", "status /nowhere/push could not be started"),
    ):
        base["commands"]["status"] = argv
        code, events = fan_out(verb="status", **base, timeouts={"verb": 0.2})
        assert (code, last(events)["a"]) == (1, phase)
        assert words in events[0]["error"]


def test_missing_commands_are_named(fan_out: Run, base: dict[str, Any]) -> None:
    """A transport without a way to switch is refused before anything runs."""
    del base["commands"]["switch"]
    code, events = fan_out(verb="status", **base)
    assert (code, events[0]["error"]) == (2, "commands.switch: missing; the transport command needs it")


def test_a_dry_run_says_what_it_would_do_and_does_nothing(
    fan_out: Run, base: dict[str, Any], payload: Path, tmp_path: Path
) -> None:
    """Every host is asked, and told from what to what it would go."""
    assert fan_out(verb="stage", release="r-1", payload=str(payload), **base)[0] == 0
    code, events = fan_out(verb="switch", release="r-1", dry=True, **base)
    would = {event["would"] for event in events if event["event"] == "host"}
    assert (code, would, last(events)["a"]) == (0, {"switch from None to r-1"}, "planned")
    assert not (tmp_path / "a").exists()
