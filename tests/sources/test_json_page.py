# SPDX-License-Identifier: GPL-2.0-only
"""Numbers out of JSON, on the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from buildbot_cd.errors import SourceError
from buildbot_cd.sources import HostAddress, JsonSource

HOSTS = [HostAddress("web1", "10.0.0.1"), HostAddress("web2", "10.0.0.2"), HostAddress("web3", "10.0.0.3")]


def asking(loop: Any, url: str, *pointers: str, **options: Any) -> JsonSource:
    """A source for these pointers."""
    return JsonSource(loop.reactor, url, pointers, **options)


def test_one_page_for_the_fleet(loop: Any, servers: Any) -> None:
    """Pointers go through objects and lists, by name or address; a host that the page does not know is told."""
    page = {"by": {"web1": {"e/r": [1, 2]}, "web2": {"e/r": [3, 4]}}, "at": {"10.0.0.1": 7.5}}
    source = asking(
        loop,
        f"http://127.0.0.1:{servers.page(json.dumps(page))}",
        "/by/{name}/e~1r/1",
        "/at/{address}",
        clock=lambda: 5.0,
    )
    snapshot = loop.run(lambda: source.read(HOSTS))
    assert snapshot.time == 5.0
    assert snapshot.values == {
        "web1": {"/by/{name}/e~1r/1": 2.0, "/at/{address}": 7.5},
        "web2": {"/by/{name}/e~1r/1": 4.0},
    }
    assert "none of the pointers" in snapshot.errors["web3"]


def test_a_page_of_each_host(loop: Any, servers: Any) -> None:
    """With the host in the URL one host's trouble is its own."""
    pages = {
        "good": ('{"load": 2}', 200),
        "sick": ("out of order", 503),
        "odd": ("{", 200),
        "text": ('{"load": "2"}', 200),
        "nan": ('{"load": NaN}', 200),
        "yes": ('{"load": true}', 200),
    }
    hosts = [HostAddress(name, f"127.0.0.1:{servers.page(*page)}") for name, page in pages.items()]
    source = asking(loop, "http://{address}/stats", "/load")
    snapshot = loop.run(lambda: source.read(hosts))
    assert snapshot.values == {"good": {"/load": 2.0}}
    assert "answered 503" in snapshot.errors["sick"]
    assert "no JSON" in snapshot.errors["odd"]
    assert all("no usable number" in snapshot.errors[name] for name in ("text", "nan", "yes"))


@pytest.mark.parametrize(("page", "status", "words"), [("nope", 500, "answered 500"), ("<html>", 200, "is no JSON")])
def test_a_page_of_the_fleet_that_fails(loop: Any, servers: Any, page: str, status: int, words: str) -> None:
    """When the one page for all cannot be used, the provider has failed."""
    source = asking(loop, f"http://127.0.0.1:{servers.page(page, status)}", "/{name}")
    with pytest.raises(SourceError, match=words):
        loop.run(lambda: source.read(HOSTS))


def test_settings_that_cannot_be() -> None:
    """A URL, a pointer, and a place for the host's name are asked for with an example."""
    with pytest.raises(SourceError, match="is no URL"):
        JsonSource(None, "metrics", ["/{name}"])
    with pytest.raises(SourceError, match="is no JSON pointer"):
        JsonSource(None, "http://m", ["hosts.{name}"])
    with pytest.raises(SourceError, match="same for every host"):
        JsonSource(None, "http://m", ["/errors"])
