# SPDX-License-Identifier: GPL-2.0-only
"""The demo as a person runs it: everything real, and nothing left behind."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from buildbot_cd.cli.demo import processes
from buildbot_cd.cli.demo.company import MARK
from buildbot_cd.cli.demo.scenes import ORDER
from buildbot_cd.cli.main import main

PROGRAM = "import sys; from buildbot_cd.cli.main import main; sys.exit(main())"
LISTEN = "0A"


@contextlib.contextmanager
def demo(directory: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The demo, begun; whatever becomes of the test, it does not go on behind it."""
    argv = [sys.executable, "-c", PROGRAM, "demo", "--dir", str(directory), *options]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)


def inside(directory: Path) -> list[int]:
    """The pids of all processes that work in a directory, also in one that is gone."""
    found = []
    for place in Path("/proc").glob("[1-9]*"):
        try:
            where = str((place / "cwd").readlink())
        except OSError:
            continue
        if where.startswith(str(directory)) and processes.find(int(place.name)):
            found.append(int(place.name))
    return found


def links(folder: Path) -> list[str]:
    """Where the links in a folder lead; none if it is gone."""
    found = []
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):
            found.append(str(path.readlink()))
    return found


def listening(pids: list[int]) -> set[str]:
    """The addresses on which these processes listen, over TCP."""
    inodes = {one for pid in pids for one in links(Path(f"/proc/{pid}/fd"))}
    found = set()
    for table, version in (("tcp", 4), ("tcp6", 16)):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == LISTEN and f"socket:[{fields[9]}]" in inodes:
                words = bytes.fromhex(fields[1].partition(":")[0])
                found.add(str(ipaddress.ip_address(b"".join(words[at : at + 4][::-1] for at in range(0, version, 4)))))
    return found


def read_until(process: subprocess.Popen[str], word: str, seconds: float) -> str:
    """What it says, up to a line with this word."""
    assert process.stdout is not None
    end, said = time.monotonic() + seconds, ""
    for line in process.stdout:
        said += line
        if word in line:
            return said
        assert time.monotonic() < end, said
    raise AssertionError(said)


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_everything_comes_out_as_told_and_nothing_is_left(tmp_path: Path) -> None:
    """All seven scenes on real processes; only loopback listens; afterwards nothing runs."""
    directory, told = tmp_path / "play", tmp_path / "told.json"
    with demo(directory, "--once", "--json", str(told)) as process:
        said = read_until(process, "(a)", 120)
        addresses = listening(inside(directory))
        assert len(addresses) > 40  # the hosts, and the master
        assert all(ipaddress.ip_address(one).is_loopback for one in addresses)
        rest, _ = process.communicate(timeout=450)
    assert process.returncode == 0, said + rest
    assert inside(directory) == []
    answer = json.loads(told.read_text("utf-8"))
    assert answer["ok"] is True
    assert [one["letter"] for one in answer["scenes"]] == [kind.letter for kind in ORDER]
    assert answer["seconds"] < 300, said + rest


@pytest.mark.integration
@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_the_demo_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C in the middle of a landing ends every process; the directory can be deleted and used again."""
    directory = tmp_path / "play"
    with demo(directory, "--hosts", "6") as process:
        read_until(process, "pushes", 90)
        process.send_signal(number)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode != 0, rest
    assert inside(directory) == []


@pytest.mark.integration
@pytest.mark.timeout(240)
def test_a_demo_begins_after_one_that_was_killed(tmp_path: Path) -> None:
    """What a killed demo left running is ended before the next one begins."""
    directory = tmp_path / "play"
    with demo(directory, "--hosts", "4") as killed:
        read_until(killed, "pushes", 90)
        left = set(inside(directory))
        killed.kill()
        killed.communicate()
    assert left
    with demo(directory, "--hosts", "4") as again:
        read_until(again, "pushes", 90)
        assert not left & set(inside(directory))
        again.terminate()
        again.communicate(timeout=60)
    assert inside(directory) == []


def test_a_directory_that_holds_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody loses a folder to a mistyped option."""
    (tmp_path / "thesis.tex").touch()
    assert main(["demo", "--dir", str(tmp_path), "--once"]) == 1
    assert "name another directory" in capsys.readouterr().out
    assert (tmp_path / "thesis.tex").exists()
    assert not (tmp_path / MARK).exists()
