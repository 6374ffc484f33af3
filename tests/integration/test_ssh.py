# SPDX-License-Identifier: GPL-2.0-only
"""The whole way with ``transport: ssh``: twenty addresses with a real sshd, each its own root."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from buildbot_cd.testing import sshd
from buildbot_cd.testing.sshd import SshFleet
from buildbot_cd.testing.yard import Yard

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
    }


def test_over_ssh_a_good_landing_is_on_all_hosts_and_a_sick_one_is_taken_back(
    make_yard: Callable[..., Yard], servers: SshFleet, health: str
) -> None:
    """Twenty of twenty carry the good release; the one that fails its health check leaves the canaries and trunk."""
    yard = make_yard(hosts=20)
    rollout = [{"stage": "canary", "hosts": 3}, {"stage": "fleet", "hosts": "all"}]
    yard.start(fleet=over_ssh(yard, servers, health), rollout=rollout)
    good = yard.push("ada", "good")
    assert yard.comes_to("live")["reason"] == f"r1-{good[:12]} is live on 20 of 20 hosts"
    assert yard.releases() == {f"r1-{good[:12]}"}
    assert len(yard.lines("served.log")) == 20
    tree = yard.tree()

    yard.push("grace", "sick")
    bad = yard.comes_to("reverted", 2)
    assert "3 of 3 hosts did not come up" in bad["reason"]
    assert yard.releases() == {f"r1-{good[:12]}"}
    assert yard.tree() == tree
    switched = yard.rows("SELECT count(*) FROM cd_rollout_host WHERE rollout = 2 AND desired IS NOT NULL")
    assert switched == [(3,)], "no host beyond the canaries was ever told to switch"
