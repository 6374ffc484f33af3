# SPDX-License-Identifier: GPL-2.0-only
"""The whole way with ``transport: ssh``, through the daemon of a real worker: twenty addresses with a real sshd."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from buildbot_cd.testing import sshd
from buildbot_cd.testing.sshd import SshFleet
from buildbot_cd.testing.yard import Yard
from buildbot_cd.worker.fleet import lease

pytestmark = [pytest.mark.integration, pytest.mark.sshd, pytest.mark.timeout(300)]

ADDRESSES = tuple(f"127.2.0.{number}" for number in range(1, 21))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshFleet]:
    """Twenty addresses with a real sshd, away from those of other tests."""
    if sshd.missing():
        pytest.skip(sshd.missing())
    with sshd.ssh_fleet(tmp_path_factory.mktemp("sshd"), ADDRESSES) as fleet:
        yield fleet


@pytest.fixture
def health(tmp_path: Path) -> Iterator[str]:
    """The hosts' health page: 503 for a host whose current release says that it is sick, and always its release."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            release = (tmp_path / "fleet" / self.path.strip("/") / "current").resolve()
            self.send_response(503 if "sick" in (release / "app.txt").read_text() else 200)
            self.send_header("X-Release", release.name)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def over_ssh(yard: Yard, servers: SshFleet, health: str) -> dict[str, Any]:
    """The yard's fleet, reached by ssh."""
    fleet = yard.config()["fleet"]
    keys = ("user", "port", "key_file", "known_hosts")
    return fleet | {
        "transport": "ssh",
        "ssh": {key: servers.ssh[key] for key in keys},
        "hosts": [host | {"address": address} for host, address in zip(fleet["hosts"], ADDRESSES, strict=True)],
        "health": {"url": f"{health}/{{name}}", "release_header": "X-Release", "timeout": "2s"},
        "lease": str(yard.directory / "lease"),
    }


def logins(servers: SshFleet) -> int:
    """How often the deploy worker has logged in, anywhere."""
    return sum(log.read_text().count("Accepted publickey") for log in servers.folder.glob("sshd-*.log"))


def daemons(folder: Path) -> int:
    """How many fan-out daemons live."""
    alive = 0
    for path in folder.rglob("cd-fleet.lock"):
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                alive += 1
    return alive


def staging(yard: Yard) -> list[dict[str, Any]]:
    """What the builds that brought releases to the hosts have answered."""
    return [
        json.loads(one) for (one,) in yard.rows("SELECT result FROM cd_intent WHERE kind = 'stage' AND result > ''")
    ]


def test_over_ssh_a_good_landing_is_on_all_hosts_and_a_sick_one_is_taken_back(
    make_yard: Callable[..., Yard], servers: SshFleet, health: str
) -> None:
    """Twenty of twenty carry the good release, after one login a host; the one that fails its health check leaves the
    canaries and trunk, after another one. While somebody else holds the lease, bringing a release early is refused.
    """
    yard = make_yard(hosts=20)
    rollout = [{"stage": "canary", "hosts": 3}, {"stage": "fleet", "hosts": "all"}]
    yard.start(fleet=over_ssh(yard, servers, health), rollout=rollout)
    held = str(yard.directory / "lease")
    lease.take(held, "another gate", 900.0, time.time())
    yard.close("test_last")
    good = yard.push("ada", "good")
    (refused,) = yard.until(lambda: staging(yard), "the answer that the fleet is somebody else's")
    assert (refused["ok"], len(refused["missing"])) == (False, 20)
    assert "another gate is changing this fleet" in refused["reason"]
    assert lease.give_back(held, "another gate")
    yard.open("test_last")
    assert yard.comes_to("live")["reason"] == f"r1-{good[:12]} is live on 20 of 20 hosts"
    assert yard.releases() == {f"r1-{good[:12]}"}
    assert len(yard.lines("served.log")) == 20
    yard.until(lambda: daemons(yard.directory) == 0, "the daemon's end, once the landing is live")
    assert logins(servers) == 20
    tree = yard.tree()

    yard.push("grace", "sick")
    bad = yard.comes_to("reverted", 2)
    assert "3 of 3 hosts did not come up" in bad["reason"]
    assert yard.releases() == {f"r1-{good[:12]}"}
    assert yard.tree() == tree
    switched = yard.rows("SELECT count(*) FROM cd_rollout_host WHERE rollout = 2 AND desired IS NOT NULL")
    assert switched == [(3,)], "no host beyond the canaries was ever told to switch"
    assert (logins(servers), daemons(yard.directory)) == (40, 0)
