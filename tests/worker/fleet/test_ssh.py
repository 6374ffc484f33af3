# SPDX-License-Identifier: GPL-2.0-only
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.testing.sshd import SshFleet
from buildbot_cd.worker.fleet.host_tree import manifest

Run = Callable[..., tuple[int, list[dict[str, Any]]]]
pytestmark = pytest.mark.sshd


@pytest.fixture
def base(servers: SshFleet, tmp_path: Path) -> dict[str, Any]:
    """A request over ssh to all twenty hosts."""
    return {
        "transport": "ssh", "ssh": servers.ssh, "root": f"{tmp_path}/{{name}}", "hosts": servers.hosts(), "fence": 1,
        "timeouts": {"connect": 10, "verb": 20},
    }  # fmt: skip


def results(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each host's last event."""
    return {event["host"]: event for event in events if event["event"] == "host"}


def test_twenty_hosts_over_ssh(fan_out: Run, base: dict[str, Any], payload: Path, tmp_path: Path) -> None:
    """Stage against what is there, switch with a remote restart, roll back: all twenty."""
    for release in ("r-1", "r-2"):
        code, events = fan_out(verb="stage", release=release, payload=str(payload), **base)
        assert code == 0, events
        code, events = fan_out(verb="switch", release=release, restart=["touch", "{root}/did {release}"], **base)
        assert (code, events[-1]["ok"]) == (0, 20), events
    first, second = (tmp_path / "h-07" / "releases" / release for release in ("r-1", "r-2"))
    assert manifest(str(second)) == manifest(str(payload))
    assert (first / "data").stat().st_ino == (second / "data").stat().st_ino  # linked: it did not travel again
    assert (tmp_path / "h-07" / "did r-2").exists()
    targets = {host["name"]: "r-1" for host in base["hosts"]}
    code, events = fan_out(verb="rollback", to=targets, **base)
    assert code == 0
    assert {event["release"] for event in results(events).values()} == {"r-1"}


def test_without_rsync_a_tar_goes_through_the_connection(
    fan_out: Run, base: dict[str, Any], servers: SshFleet, payload: Path, tmp_path: Path
) -> None:
    """Where rsync is asked for, a host without it gets exactly the same files."""
    servers.fault("127.1.0.3", "no-rsync")
    try:
        code, events = fan_out(
            verb="stage", release="r-1", payload=str(payload), copy="rsync", **{**base, "hosts": base["hosts"][:4]}
        )
    finally:
        servers.fault("127.1.0.3", None)
    assert code == 0, events
    assert manifest(str(tmp_path / "h-03" / "releases" / "r-1")) == manifest(str(payload))


def test_faults_are_told_apart_and_healed_by_asking_again(
    fan_out: Run, base: dict[str, Any], servers: SshFleet, payload: Path, tmp_path: Path
) -> None:
    """A host that refuses, one that hangs and one without room fail each in its way; the others are served."""
    faults = {"127.1.0.1": "refuse", "127.1.0.2": "hang", "127.1.0.3": "small-disk"}
    request = {**base, "hosts": base["hosts"][:6], "copy": "rsync", "timeouts": {"connect": 10, "verb": 4}}
    for address, kind in faults.items():
        servers.fault(address, kind)
    try:
        code, events = fan_out(verb="stage", release="r-1", payload=str(payload), **request)
    finally:
        for address in faults:
            servers.fault(address, None)
    seen = results(events)
    assert (code, events[-1]["ok"], events[-1]["failed"]) == (1, 3, 3)
    assert seen["h-01"]["phase"] == "unreachable"
    assert "takes no commands" in seen["h-01"]["error"]
    assert "release" not in seen["h-01"]
    assert seen["h-02"]["phase"] == "unreachable"
    assert "no answer to prepare within 4 s" in seen["h-02"]["error"]
    assert seen["h-03"]["phase"] == "failed"
    assert "writing on the host failed: disk full" in seen["h-03"]["error"]
    assert not (tmp_path / "h-03" / "releases" / "r-1").exists()
    assert fan_out(verb="stage", release="r-1", payload=str(payload), **request)[0] == 0


def test_a_full_disk_while_the_tar_arrives(
    fan_out: Run,
    base: dict[str, Any],
    servers: SshFleet,
    payload: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The host names the reason although the tar is still being sent, and stays usable."""
    bare = tmp_path / "bin"
    bare.mkdir()
    monkeypatch.setenv("PATH", str(bare))  # no rsync on our side
    servers.fault("127.1.0.5", "small-disk")
    try:
        code, events = fan_out(
            verb="stage", release="r-1", payload=str(payload), **{**base, "hosts": base["hosts"][4:5]}
        )
    finally:
        servers.fault("127.1.0.5", None)
    assert code == 1
    assert results(events)["h-05"]["phase"] == "failed"
    assert "too large" in results(events)["h-05"]["error"]


def test_hosts_that_cannot_be_connected_to(fan_out: Run, base: dict[str, Any], tmp_path: Path) -> None:
    """Nobody listening, somebody who says nothing, and an unknown host key are unreachable, each with its reason."""
    with socket.create_server(("127.1.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        request = {**base, "timeouts": {"connect": 1}, "hosts": [{"name": "a", "address": "127.1.0.1"}]}
        _, events = fan_out(verb="status", **{**request, "ssh": {**base["ssh"], "port": port}})
        assert "127.1.0.1: no connection within 1 s" in results(events)["a"]["error"]
    _, events = fan_out(verb="status", **{**request, "ssh": {**base["ssh"], "port": port}})
    assert "refused" in results(events)["a"]["error"].lower()
    (tmp_path / "nobody").write_text("")
    code, events = fan_out(verb="status", **{**base, "ssh": {**base["ssh"], "known_hosts": str(tmp_path / "nobody")}})
    assert (code, {event["phase"] for event in results(events).values()}) == (1, {"unreachable"})
    assert "not trusted" in results(events)["h-01"]["error"]
