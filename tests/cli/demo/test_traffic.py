# SPDX-License-Identifier: GPL-2.0-only
"""The people of the demo: steady, seeded, and unable to click on what they cannot see."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from buildbot_cd.cli.demo import eyesight, hosts, patches, processes, traffic
from buildbot_cd.cli.demo.visitor import Call, Seen, visit

PAGE = "<style>body {{ background: {page}; }}\n.button {{ background: {shape}; color: {label}; }}</style>{button}"
BUTTON = '<button class="button">Go</button>'


def command(fleet: Any, log: Path, seconds: float, rate: float = 120) -> list[str]:
    """The command line of the people."""
    argv = [sys.executable, "-m", "buildbot_cd.cli.demo.traffic", "--fleet", fleet.inventory_file]
    argv += ["--port", fleet.port, "--rate", rate, "--seed", 7, "--log", log, "--max-seconds", seconds]
    return [str(part) for part in argv]


def totals(fleet: Any, name: str) -> int:
    """The sum of a counter over the fleet."""
    pages = [asyncio.run(traffic.ask(host.address, fleet.port, Call("/metrics")))[0].page for host in fleet.entries]
    return sum(int(line.split()[1]) for page in pages for line in page.splitlines() if line.startswith(f"{name} "))


def lines(log: Path, kind: str) -> list[dict]:
    """The lines of one kind in a log."""
    return [line for line in map(json.loads, log.read_text().splitlines()) if line["kind"] == kind]


@pytest.mark.parametrize(
    ("page", "shape", "label", "seen"),
    [
        ("#1d4ed8", "#facc15", "#1e293b", True),
        ("#1d4ed8", "#1d4ed8", "#1e46b8", False),
        ("#fff", "#fff", "#fff", False),
        ("#fff", "#fff", "#000", True),
        ("#1d4ed8", "#1d4ed8", "#ffffff", True),
    ],
)
def test_seeing_a_button(page: str, shape: str, label: str, seen: bool) -> None:
    """A button is seen by its shape or by its label, and not when both have the page's colour."""
    assert eyesight.sees_button(PAGE.format(page=page, shape=shape, label=label, button=BUTTON)) is seen


def test_no_button_is_not_seen() -> None:
    """A page without a button shows none."""
    assert not eyesight.sees_button("<p>hello</p>")


def test_contrast_of_black_on_white() -> None:
    """The ratio of WCAG is 21 at most and 1 at least."""
    assert eyesight.contrast("000000", "ffffff") == pytest.approx(21.0)
    assert eyesight.contrast("1d4ed8", "1d4ed8") == 1.0


def test_a_person_who_gets_an_error_leaves() -> None:
    """The visit ends at the first page that is none."""
    person = visit(1, Random(1))
    assert next(person) == Call("/")
    with pytest.raises(StopIteration):
        person.send(Seen(500, "Something went wrong."))


def test_steady_rate_evenly_spread(fleet: Any, tmp_path: Path) -> None:
    """The rate is held, every host gets its even share, nothing fails, and people sign up."""
    log = tmp_path / "traffic.log"
    subprocess.run(command(fleet, log, 3.0), check=True, timeout=60)
    (end,) = lines(log, "end")
    assert end["sent"] == end["ok"] == totals(fleet, "http_requests_total")
    assert 240 <= end["sent"] <= 500
    assert end["signups"] == totals(fleet, "signups_total") > 0.1 * end["sent"]
    assert {(line["host"], line["release"]) for line in lines(log, "release")} == {
        (host.name, "r1") for host in fleet.entries
    }


def test_blue_button_drops_signups_without_an_error(fleet: Any, tree: Path, tmp_path: Path) -> None:
    """With a blue button on a blue page everything answers 200, and nobody signs up."""
    patches.apply(patches.blue_button(tree), tree)
    fleet.release(tree, "r2")
    for number in range(3):
        fleet.restart(number)
    log = tmp_path / "traffic.log"
    subprocess.run(command(fleet, log, 3.0), check=True, timeout=60)
    (end,) = lines(log, "end")
    assert end["ok"] == end["sent"] > 200
    assert totals(fleet, "http_errors_total") == 0
    assert totals(fleet, "signups_total") == 0


def test_a_dead_host_fails_and_the_others_go_on(fleet: Any, tmp_path: Path) -> None:
    """Requests to a host that is down count as failed; the share of the others stays what it was."""
    server = hosts.serving(fleet.directory / "web-02")
    assert server is not None
    processes.end([server], 5.0)
    log = tmp_path / "traffic.log"
    subprocess.run(command(fleet, log, 2.0), check=True, timeout=60)
    (end,) = lines(log, "end")
    assert end["failed"] == pytest.approx(end["sent"] / 3, abs=2)
    assert end["ok"] == end["sent"] - end["failed"]


def test_sigterm_ends_it_in_order(fleet: Any, tmp_path: Path) -> None:
    """SIGTERM lets the answers that are out come in, and writes the sums."""
    log = tmp_path / "traffic.log"
    os.mkfifo(log)
    people = subprocess.Popen(command(fleet, log, 60.0))
    try:
        with log.open() as read:
            first = json.loads(read.readline())
            people.terminate()
            rest = [json.loads(line) for line in read]
        assert people.wait(20) == 0
        assert first["kind"] == "release"
        assert rest[-1]["kind"] == "end"
        assert rest[-1]["sent"] == rest[-1]["ok"]
    finally:
        people.kill()
        people.wait()


def test_it_ends_with_its_parent(fleet: Any, tmp_path: Path) -> None:
    """When the program that started them is gone, the people go too."""
    log = tmp_path / "traffic.log"
    os.mkfifo(log)
    starter = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); sys.stdin.readline()"
    parent = subprocess.Popen(
        [sys.executable, "-c", starter, *command(fleet, log, 60.0)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    with log.open() as read:
        assert read.readline()
        fd = os.pidfd_open(pid)
        try:
            parent.communicate("\n", timeout=20)
            rest = list(read)
            assert processes.wait_for({fd}, 20.0) == set()
        finally:
            os.close(fd)
    assert json.loads(rest[-1])["kind"] == "end"


def test_bad_inventory_is_named(tmp_path: Path) -> None:
    """An inventory that cannot be used ends the program with the file and the reason."""
    (tmp_path / "inventory.json").write_text('[{"name": "web-01"}]')
    argv = ["--fleet", str(tmp_path / "inventory.json"), "--port", "1", "--log", str(tmp_path / "log")]
    done = subprocess.run(
        [sys.executable, "-m", "buildbot_cd.cli.demo.traffic", *argv],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "inventory.json: host 1 needs" in done.stderr
