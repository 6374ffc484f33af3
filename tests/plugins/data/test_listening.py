# SPDX-License-Identifier: GPL-2.0-only
"""Whether others can reach a master, from its configuration."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from buildbot_cd.plugins.data.listening import is_local_port, reachable_from_outside


@pytest.mark.parametrize(
    "port",
    [
        "tcp:8010:interface=127.0.0.1",
        "tcp:8010:interface=127.3.4.5",
        "tcp:interface=127.0.0.1:port=8010",
        "tcp:8010:interface=localhost",
        r"tcp:8010:interface=\:\:1",
        r"tcp6:8010:interface=\:\:1",
        "ssl:8010:interface=127.0.0.1:privateKey=key.pem",
        "unix:/run/buildbot.sock",
        r"unix:/run/with\:colon.sock:mode=660",
    ],
)
def test_loopback_and_socket_files_are_local(port: str) -> None:
    """Only programs on this machine can connect to these."""
    assert is_local_port(port)


@pytest.mark.parametrize(
    "port",
    [
        8010,
        "8010",
        "tcp:8010",
        "tcp:8010:interface=0.0.0.0",
        "tcp:8010:interface=10.0.0.1",
        "tcp:8010:interface=",
        "tcp:8010:interface=localhost.evil.example",
        r"tcp:8010:interface=\:\:",
        "tcp6:8010",
        "ssl:8443:privateKey=key.pem",
        "systemd:domain=INET:index=0",
        "haproxy:tcp:8010:interface=127.0.0.1",
        "onion:80",
        ":",
        "",
    ],
)
def test_everything_else_counts_as_reachable(port: int | str) -> None:
    """Also what is not understood: a mistake must not open the door."""
    assert not is_local_port(port)


@pytest.mark.parametrize(
    ("port", "url", "said"),
    [
        ("tcp:8010:interface=127.0.0.1", "http://127.0.0.1:8010/", ""),
        ("tcp:8010:interface=127.0.0.1", "http://localhost:8080/", ""),
        ("unix:/run/b.sock", "http://[::1]/", ""),
        (None, "https://ci.example.org/", ""),
        (8010, "http://localhost:8010/", "it listens on 8010, beyond this machine"),
        ("tcp:8010:interface=127.0.0.1", "https://ci.example.org/", "its buildbotURL is 'https://ci.example.org/'"),
        ("unix:/run/b.sock", "", "its buildbotURL is ''"),
    ],
)
def test_a_proxy_is_told_by_the_url(port: int | str | None, url: str, said: str) -> None:
    """A local port behind a proxy is reachable: the public URL says so. Without a web server nothing is."""
    found = reachable_from_outside(SimpleNamespace(www={"port": port}, buildbotURL=url))
    assert found.startswith(said)
    assert bool(found) == bool(said)
