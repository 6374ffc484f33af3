# SPDX-License-Identifier: GPL-2.0-only
"""Hosts that go wrong, with a real sshd; in the end each one carries exactly the release that is on record for it."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.core.rollout.owed import owed
from buildbot_cd.testing.fleet import FleetClient, last
from buildbot_cd.worker.fleet.host_program import host_program
from buildbot_cd.worker.fleet.lease import take

pytestmark = pytest.mark.sshd


@pytest.fixture
def faulty(client: FleetClient) -> Iterator[FleetClient]:
    """The client; all faults are taken away behind the test."""
    yield client
    for host in client.base["hosts"]:
        client.servers.fault(host["address"], None)


def carried(client: FleetClient) -> dict[str, str]:
    """What the symlinks say."""
    return {name: client.link(name).resolve().name if client.link(name).is_symlink() else "" for name in client.names}


def test_each_fault_is_told_and_the_record_stays_true(
    faulty: FleetClient, payload: Path, shop: tuple[str, dict[str, str]]
) -> None:
    """Refusing, hanging, slow, dying after the symlink, stale: each host's last event says what it carries."""
    client, (url, serving) = faulty, shop
    for release in ("r-1", "r-2"):
        assert client(verb="stage", release=release, payload=str(payload))[0] == 0
    assert client(verb="switch", release="r-1")[0] == 0
    client.stop()  # faults are met by whoever logs in
    for number, kind in enumerate(["refuse", "hang", "slow"], start=1):
        client.servers.fault(f"127.1.0.{number}", kind)
    serving.update({f"/{name}": "r-2" for name in client.names}, **{"/h-05": "r-1"})
    dies = "[ $1 != h-04 ] || test -e $0 || { touch $0; kill -9 $PPID; exit; }"
    code, events = client(
        verb="switch", release="r-2", restart=["sh", "-c", dies, "{root}/died", "{name}"], budget=8,
        health={"url": f"{url}/{{name}}", "release_header": "X-Release", "timeout": 1},
        timeouts={"verb": 9, "connect": 20, "restart": 5},
    )  # fmt: skip
    phases = last(events)
    assert code == 1
    assert {phases.pop(name) for name in ("h-01", "h-02", "h-04")} == {"unreachable"}
    assert phases.pop("h-05") == "unhealthy"
    assert set(phases.values()) == {"healthy"}
    said = {event["host"]: event.get("release", "not seen") for event in events if event["event"] == "host"}
    assert carried(client) == {**said, "h-01": "r-1", "h-02": "r-1", "h-04": "r-2"}
    assert (said["h-01"], said["h-05"]) == ("not seen", "r-2")


def test_a_full_budget_begins_no_further_host(faulty: FleetClient, payload: Path) -> None:
    """Two lost hosts with a budget of one end the stage: the hosts behind them keep what they carry."""
    client = faulty
    for release in ("r-1", "r-2"):
        assert client(verb="stage", release=release, payload=str(payload))[0] == 0
    assert client(verb="switch", release="r-1")[0] == 0
    code, events = client(verb="switch", release="r-2", restart=["false"], budget=1, parallel={"switch": 1})
    assert (code, sorted(set(last(events).values()))) == (1, ["failed", "skipped"])
    assert list(carried(client).values()) == ["r-2"] * 2 + ["r-1"] * 6
    back = {name: "r-1" for name, release in carried(client).items() if release == "r-2"}
    hosts = [host for host in client.base["hosts"] if host["name"] in back]
    assert client(verb="rollback", to=back, hosts=hosts)[0] == 0
    assert set(carried(client).values()) == {"r-1"}


def test_a_host_that_is_back_after_an_hour_gets_what_it_is_owed_before_traffic(
    faulty: FleetClient, payload: Path, tmp_path: Path
) -> None:
    """It missed staging and switching. The archive has what it needs, and it is drained until it is healthy with it."""
    client, log, lease = faulty, tmp_path / "traffic.log", str(tmp_path / "lease")
    archive = {"archive": str(tmp_path / "archive"), "keep": 2}
    assert client(verb="stage", release="r-1", payload=str(payload), **archive)[0] == 0
    assert client(verb="switch", release="r-1")[0] == 0
    client.stop()
    take(lease, "rollout", 900.0, 1_000_000.0)
    client.servers.fault("127.1.0.3", "refuse")
    (payload / "data").write_bytes(b"second")
    code, events = client(verb="stage", release="r-2", payload=str(payload), **archive)
    assert (code, last(events)["h-03"]) == (1, "unreachable")
    ready = [host for host in client.base["hosts"] if host["name"] != "h-03"]
    assert client(verb="switch", release="r-2", hosts=ready)[0] == 0
    client.stop()
    shutil.rmtree(payload)  # the next build has taken its place
    client.servers.fault("127.1.0.3", None)

    take(lease, "repair", 900.0, 1_003_600.0)  # an hour later the rollout's lease has run out
    wanted = owed([dict.fromkeys(client.names, "r-1"), dict.fromkeys(client.names, "r-2")], client.names)
    seen = {event["host"]: event for event in client(verb="status")[1] if event["event"] == "host"}
    wrong = {name for name, release in wanted.items() if seen[name]["release"] != release}
    assert wrong == {"h-03"}
    hosts = [host for host in client.base["hosts"] if host["name"] in wrong]
    assert client(verb="stage", release="r-2", payload=str(tmp_path / "archive" / "r-2"), hosts=hosts)[0] == 0
    note = ["sh", "-c", 'echo "$1 $(basename $(readlink "$2"))" >> "$0"', str(log)]
    code, events = client(
        verb="switch", release="r-2", hosts=hosts, drain=[*note, "out", "{root}/current"],
        undrain=[*note, "back", "{root}/current"], restart=[*note, "restart", "{root}/current"],
    )  # fmt: skip
    assert code == 0, events
    assert log.read_text().splitlines() == ["out r-1", "restart r-2", "back r-2"]
    assert set(carried(client).values()) == {"r-2"}


def test_a_key_with_a_forced_command_brings_releases_and_runs_nothing_else(
    faulty: FleetClient, payload: Path, tmp_path: Path
) -> None:
    """The host's own root and commands take the place of what is asked; staging, switching and going back work."""
    client, folder = faulty, faulty.servers.folder
    own = {"root": f"{tmp_path}/hosts/h-01", "restart": ["touch", f"{tmp_path}/hosts/h-01/own"]}
    (folder / "cd-host").write_text(host_program())
    (folder / "cd-host.json").write_text(json.dumps(own))
    (folder / "forced").write_text(f"#!/bin/sh\nexec {sys.executable} -u -I {folder}/cd-host {folder}/cd-host.json\n")
    (folder / "forced").chmod(0o755)
    client.servers.fault("127.1.0.1", "forced")
    base: dict[str, Any] = {"hosts": client.base["hosts"][:1], "root": str(tmp_path / "elsewhere")}
    foreign = ["touch", str(tmp_path / "foreign")]
    for release in ("r-1", "r-2"):
        assert client(verb="stage", release=release, payload=str(payload), **base)[0] == 0
        assert client(verb="switch", release=release, restart=foreign, drain=foreign, undrain=foreign, **base)[0] == 0
    assert client(verb="rollback", to={"h-01": "r-1"}, **base)[0] == 0
    assert carried(client)["h-01"] == "r-1"
    assert (tmp_path / "hosts" / "h-01" / "own").exists()
    assert not (tmp_path / "foreign").exists()
    assert not (tmp_path / "elsewhere").exists()
    assert client(verb="drain", drain=foreign, **base)[0] == 1  # it has no such command of its own
    assert not (tmp_path / "foreign").exists()
