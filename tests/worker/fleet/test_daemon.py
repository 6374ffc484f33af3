# SPDX-License-Identifier: GPL-2.0-only
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from buildbot_cd.testing.fleet import FleetClient, events_of, last, until

pytestmark = pytest.mark.sshd

OTHER_CODE = """
import sys, buildbot_cd.worker.fleet.client as client
client.code_digest, client.TRIES = lambda: "other", 1
sys.exit(client.through_daemon(".", "{}", None, sys.stdout))
"""


def staged(client: FleetClient, payload: Path, *releases: str) -> None:
    """Bring releases onto all hosts."""
    for release in releases:
        code, events = client(verb="stage", release=release, payload=os.path.relpath(payload, client.place))
        assert code == 0, events


def test_one_connection_a_host_serves_every_command(client: FleetClient, payload: Path) -> None:
    """Switch and rollback go through the connections that the probe opened: nobody logs in for them."""
    assert client(verb="status")[0] == 0
    staged(client, payload, "r-1", "r-2")
    daemon, logins = client.pid(), client.logins()
    for release in ("r-1", "r-2"):
        code, events = client(verb="switch", release=release)
        assert (code, set(last(events).values())) == (0, {"healthy"}), events
    code, events = client(verb="rollback", to={host["name"]: "r-1" for host in client.base["hosts"]})
    assert code == 0
    assert {event["release"] for event in events if event["event"] == "host"} == {"r-1"}
    assert (client.pid(), client.logins()) == (daemon, logins)


def test_a_host_that_lost_its_loop_is_asked_over_a_fresh_connection(client: FleetClient, payload: Path) -> None:
    """A host whose process dies right after its symlink moved still ends healthy, with its restart made up for."""
    staged(client, payload, "r-1")
    logins = client.logins()
    dies_once = "test -e $0 || { touch $0; kill -9 $PPID; exit; }; echo x >> $0"
    code, events = client(verb="switch", release="r-1", restart=["sh", "-c", dies_once, "{root}/died"])
    assert (code, set(last(events).values())) == (0, {"healthy"}), events
    assert client.logins() == logins + 8
    roots = [client.root / name for name in client.names]
    assert {(root / "died").read_text() for root in roots} == {"x\n"}


def test_a_daemon_killed_in_the_middle_is_replaced_within_the_same_command(client: FleetClient, payload: Path) -> None:
    """The command does not even notice kill -9 of the daemon: it ends with all hosts switched."""
    staged(client, payload, "r-1")
    first = client.pid()
    gate = client.place / "gate"
    wait = ["sh", "-c", "until test -e $0; do sleep 0.02; done", str(gate)]
    with client.begin(verb="switch", release="r-1", restart=wait) as process:
        links = [client.link(name) for name in client.names]
        until(lambda: all(link.is_symlink() for link in links), "all symlinks")
        os.kill(first, signal.SIGKILL)
        until(lambda: client.pid() not in (0, first), "another daemon")
        gate.touch()
        events = events_of(process)
    assert (process.returncode, set(last(events).values())) == (0, {"healthy"}), events


def test_a_killed_client_stops_its_request_but_not_the_daemon(client: FleetClient, payload: Path) -> None:
    """Hosts that were not begun when the step was interrupted are left alone; the next command is served."""
    staged(client, payload, "r-1")
    request = {"verb": "switch", "release": "r-1", "parallel": {"switch": 2}}
    slow = ["sh", "-c", "echo x >> $0; sleep 60 & echo $! > $0.pid; wait", "{root}/slow"]
    process = client.begin(**request, restart=slow, timeouts={"connect": 10, "verb": 20, "restart": 30})
    with process:
        roots = [client.root / name for name in client.names]
        pids = until(lambda: len(found := [root / "slow.pid" for root in roots if (root / "slow.pid").exists()]) == 2
                     and all(path.read_text() for path in found) and found, "two hosts at work")  # fmt: skip
        process.kill()
    # the daemon has seen that end once it answers anybody who came later; until then it would begin a third host
    idle = [host for host in client.base["hosts"] if client.root / host["name"] / "slow.pid" not in pids]
    assert client(verb="status", hosts=idle)[0] == 0
    for path in pids:
        os.kill(int(path.read_text()), signal.SIGKILL)
    code, events = client(verb="status")
    assert code == 0, events
    assert sorted(event["release"] or "" for event in events if event["event"] == "host") == [""] * 6 + ["r-1"] * 2
    assert client(verb="switch", release="r-1")[0] == 0


def test_an_older_rollout_is_stopped_by_a_newer_one_and_refused_after_it(client: FleetClient, payload: Path) -> None:
    """What an older fence has in the air ends when a newer one begins; later orders of the older one do nothing."""
    staged(client, payload, "r-1", "r-2")
    gate = client.place / "gate"
    wait = ["sh", "-c", "until test -e $0; do sleep 0.02; done", str(gate)]
    with client.begin(verb="switch", release="r-1", restart=wait, parallel={"switch": 1}) as older:
        links = [client.link(name) for name in client.names]
        until(lambda: any(link.is_symlink() for link in links), "the first symlink")
        code, events = client(verb="switch", release="r-2", fence=2)
        gate.touch()
        assert older.stdout is not None
        assert "stopped" in older.stdout.read()
    assert (older.returncode, code, set(last(events).values())) == (2, 0, {"healthy"})
    code, events = client(verb="switch", release="r-1")
    assert (code, events[0]["event"]) == (2, "error")
    assert "fence 1 is older than 2" in events[0]["error"]
    assert {link.resolve().name for link in links} == {"r-2"}
    daemon = client.pid()
    client.stop("--fence", "1")
    assert client.pid() == daemon != 0  # the older one's end is not the newer one's


@pytest.mark.parametrize("reason", ["idle", "gone", "code"])
def test_when_the_daemon_ends(client: FleetClient, reason: str, tmp_path: Path) -> None:
    """Idle for as long as it was told, its folder removed, or asked by a client of other code: it ends by itself."""
    options = ["--idle", "0.1"] if reason == "idle" else []
    assert client(*options, verb="status")[0] == 0
    if reason == "gone":
        lock = tmp_path / "lock"
        (client.place / "cd-fleet.lock").rename(lock)
        shutil.rmtree(client.place)
        client.place = tmp_path
        lock.rename(tmp_path / "cd-fleet.lock")
    elif reason == "code":
        first = client.pid()
        subprocess.run([sys.executable, "-c", OTHER_CODE], cwd=client.place, check=False, capture_output=True)
        assert client.pid() not in (0, first)
        return
    until(lambda: client.pid() == 0, "the daemon's end")
