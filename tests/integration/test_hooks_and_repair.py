# SPDX-License-Identifier: GPL-2.0-only
"""A rollout over a real sshd, from a real master through the daemon of a real worker, and back."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.testing import sshd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Yard

pytestmark = [pytest.mark.integration, pytest.mark.sshd, pytest.mark.timeout(400)]


@contextmanager
def service(fleet: Path) -> Iterator[str]:
    """Answers for every host at /<name>: the release that its symlink leads to, unless that one makes it sick."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            release = (fleet / self.path[1:] / "current").resolve()
            self.send_response(503 if "sick" in (release / "app.txt").read_text() else 200)
            self.send_header("X-Release", release.name)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{{name}}"
    server.shutdown()
    server.server_close()
    thread.join()


def logins(servers: sshd.SshFleet) -> int:
    """How often the deploy worker has logged in, anywhere."""
    return sum(log.read_text().count("Accepted publickey") for log in servers.folder.glob("sshd-*.log"))


def daemons(folder: Path) -> int:
    """How many daemons live."""
    alive = 0
    for path in folder.rglob("cd-fleet.lock"):
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                alive += 1
    return alive


@pytest.mark.skipif(bool(sshd.missing()), reason=sshd.missing() or "there")
def test_one_login_a_host_serves_a_rollout_to_its_end_and_another_one_the_way_back(yard: Yard, tmp_path: Path) -> None:
    """A good landing is live with one login a host; a sick one goes out, is found sick and comes back with one more."""
    with sshd.ssh_fleet(tmp_path / "sshd", sshd.ADDRESSES[:6]) as servers, service(yard.fleet) as url:
        fleet: dict[str, Any] = {
            "transport": "ssh",
            "ssh": servers.ssh,
            "hosts": [
                {"name": name, "address": address}
                for name, address in zip(yard.host_names, servers.addresses, strict=True)
            ],
            "root": str(yard.fleet / "{name}"),
            "health": {"url": url, "release_header": "X-Release", "timeout": "2s"},
            "lease": str(tmp_path / "lease"),
        }
        yard.start(fleet=fleet)
        good = yard.push("ada", "good")
        yard.comes_to("live", seconds=150)
        assert yard.releases() == {f"r1-{good[:12]}"}
        yard.until(lambda: daemons(yard.directory) == 0, "the daemon's end, once the landing is live")
        assert logins(servers) == 6
        yard.push("grace", "sick")
        reverted = yard.comes_to("reverted", 2, seconds=200)
        assert "did not come up" in reverted["reason"]
        assert yard.releases() == {f"r1-{good[:12]}"}
        assert logins(servers) == 12
        assert daemons(yard.directory) == 0


def test_hooks_run_around_their_stage_and_drift_is_repaired(yard: Yard) -> None:
    """Each stage's command gets stage and release; a host that somebody moved by hand is back on record soon after."""
    note = ["sh", "-c", 'echo "$0 $CD_STAGE $CD_RELEASE" >> "$1"']
    log = yard.directory / "hooks.log"
    rollout = [
        {"stage": "canary", "hosts": 2, "before": [*note, "before", str(log)]},
        {"stage": "fleet", "hosts": "all", "after": [*note, "after", str(log)]},
    ]
    yard.start(fleet={**yard.config()["fleet"], "repair": "3s"}, rollout=rollout)
    good = yard.push("ada", "good")
    yard.comes_to("live", seconds=150)
    release = f"r1-{good[:12]}"
    assert log.read_text().splitlines() == [f"before canary {release}", f"after fleet {release}"]
    link = yard.fleet / "web-3" / "current"
    moved = link.with_name("moved")
    moved.symlink_to("releases/r0")
    moved.replace(link)
    yard.until(lambda: yard.releases() == {release}, "the drift to be repaired", 120)
