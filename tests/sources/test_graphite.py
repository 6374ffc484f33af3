# SPDX-License-Identifier: GPL-2.0-only
"""Graphite's render API on the wire."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from buildbot_cd.errors import SourceError
from buildbot_cd.sources import GraphiteSource, HostAddress

HOSTS = [HostAddress("web1", "10.0.0.1"), HostAddress("web2", "10.0.0.2")]
Points = list[tuple[float | None, int]]


class Graphite:
    """Answers /render as Graphite does: an asked target is `alias(<path>,"<alias>")` and has the points of its path."""

    def __init__(self, servers: Any, read_form: Any) -> None:
        self.series: dict[str, Points] = {}
        self.asked: list[dict[str, list[str]]] = []
        self._read_form = read_form
        self.port = servers.serve(self._answer)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        form = self._read_form(request)
        self.asked.append({**form, "path": [request.path]})
        told = []
        for target in form["target"]:
            path, _, alias = target.removeprefix("alias(").removesuffix(")").rpartition(",")
            if path in self.series:
                told.append({"target": alias.strip('"'), "datapoints": self.series[path]})
        body = json.dumps(told).encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def graphite(servers: Any, read_form: Any) -> Graphite:
    """A server with series of the test's choice."""
    return Graphite(servers, read_form)


@pytest.fixture
def source(loop: Any, graphite: Graphite) -> Callable[..., GraphiteSource]:
    """A source that asks that server, at 1000 s."""

    def make(*targets: str, **options: Any) -> GraphiteSource:
        options.setdefault("clock", lambda: 1000.0)
        return GraphiteSource(loop.reactor, f"http://127.0.0.1:{graphite.port}/", targets, **options)

    return make


def test_newest_point_of_each_host(loop: Any, graphite: Graphite, source: Any) -> None:
    """A level is the newest point that is no gap; a host without one is told apart."""
    graphite.series["servers.web1.load"] = [(1.0, 980), (2.5, 990), (None, 1000)]
    graphite.series["servers.web2.load"] = [(None, 990)]
    asking = source("servers.{name}.load")
    snapshot = loop.run(lambda: asking.read(HOSTS))
    assert snapshot.values == {"web1": {"servers.{name}.load": 2.5}}
    assert "no fresh point" in snapshot.errors["web2"]
    assert graphite.asked[0]["path"] == ["/render"]
    assert graphite.asked[0]["format"] == ["json"]
    assert graphite.asked[0]["until"] == ["1000"]


def test_late_and_repeated_points_are_counted_once(loop: Any, graphite: Graphite, source: Any) -> None:
    """Numbers by interval grow like a counter: what came late or grew is added then, what comes again is not."""
    target = "stats.{name}.hits"
    asking = source(target, counts=[target])
    totals = []
    for points in (
        [(5.0, 980), (None, 990)],
        [(5.0, 980), (3.0, 990)],
        [(5.0, 980), (3.0, 990)],
        [(5.0, 980), (4.0, 990), (1.0, 1000)],
        [(4.0, 990), (1.0, 1000)],
    ):
        graphite.series["stats.web1.hits"] = points
        totals.append(loop.run(lambda: asking.read(HOSTS[:1])).values["web1"][target])
    assert totals == [5.0, 8.0, 8.0, 10.0, 10.0]


def test_lag_leaves_the_newest_points_out(loop: Any, graphite: Graphite, source: Any) -> None:
    """What may still change is not looked at yet."""
    graphite.series["servers.web1.load"] = [(1.0, 980), (9.0, 1000)]
    asking = source("servers.{name}.load", lag=15.0)
    assert loop.run(lambda: asking.read(HOSTS[:1])).values == {"web1": {"servers.{name}.load": 1.0}}
    assert graphite.asked[0]["until"] == ["985"]


def test_functions_of_targets_and_many_hosts(loop: Any, graphite: Graphite, source: Any) -> None:
    """A target may be a function with commas; all hosts are asked for in one request."""
    hosts = [HostAddress(f"h{n}", f"10.0.1.{n}") for n in range(300)]
    target = 'movingAverage(servers.{name}.load,"5min")'
    for host in hosts:
        graphite.series[f'movingAverage(servers.{host.name}.load,"5min")'] = [(7.0, 990)]
    asking = source(target)
    assert len(loop.run(lambda: asking.read(hosts)).values) == 300
    assert len(graphite.asked) == 1


@pytest.mark.parametrize(
    ("page", "status"), [("<h1>no</h1>", 502), ("[1]", 200), ("{}", 500), ('[{"target": 1}]', 200)]
)
def test_answers_that_make_no_sense(loop: Any, servers: Any, page: str, status: int) -> None:
    """What is no list of series is a SourceError that shows it."""
    asking = GraphiteSource(loop.reactor, f"http://127.0.0.1:{servers.page(page, status)}", ["a.{name}"])
    with pytest.raises(SourceError, match=f"status {status} and no series"):
        loop.run(lambda: asking.read(HOSTS))


def test_server_that_hangs_or_is_gone(loop: Any, servers: Any) -> None:
    """No answer in time, or none at all, is a SourceError."""
    port = servers.serve(lambda _: servers.release.wait(20))
    asking = GraphiteSource(loop.reactor, f"http://127.0.0.1:{port}", ["a.{name}"], timeout=0.3)
    with pytest.raises(SourceError, match=r"no answer within 0\.3 s"):
        loop.run(lambda: asking.read(HOSTS))
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        gone = GraphiteSource(loop.reactor, f"http://127.0.0.1:{taken.getsockname()[1]}", ["a.{name}"])
        with pytest.raises(SourceError, match="refused"):
            loop.run(lambda: gone.read(HOSTS))


def test_url_and_target_must_be_some() -> None:
    """A base that is no URL, and a target that is the same for every host, are refused at once."""
    with pytest.raises(SourceError, match="is no URL"):
        GraphiteSource(None, "graphite", ["a.{name}"])
    with pytest.raises(SourceError, match="same for every host"):
        GraphiteSource(None, "http://graphite", ["servers.load"])
