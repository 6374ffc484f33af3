# SPDX-License-Identifier: GPL-2.0-only
import contextlib
import json
import shutil
import socket
import subprocess
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from buildbot_cd.errors import SourceError
from buildbot_cd.sources import HostAddress, PrometheusSource

HOSTS = [HostAddress("web1", "10.0.0.1"), HostAddress("web2", "10.0.0.2"), HostAddress("web3", "10.0.0.3")]


def vector(*series: Any) -> Any:
    """An answer of the query API with these (label value, number) pairs."""
    result = [{"metric": {"instance": label}, "value": [1.0, number]} for label, number in series]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})


def prometheus(loop: Any, port: Any, queries: Any = None, **options: Any) -> Any:
    """A source that asks this port."""
    return PrometheusSource(loop.reactor, f"http://127.0.0.1:{port}", queries or {"load": "load1"}, **options)


def test_label_names_the_host(loop: Any, servers: Any) -> None:
    """Series are matched by address or name, with or without a port, summed per host; strangers are ignored."""
    port = servers.page(vector(("10.0.0.1:80", "1.5"), ("10.0.0.1:81", "2"), ("web2", "7"), ("10.9.9.9", "3")))
    snapshot = loop.run(lambda: prometheus(loop, port).read(HOSTS))
    assert snapshot.values == {"web1": {"load": 3.5}, "web2": {"load": 7.0}}
    assert "no series" in snapshot.errors["web3"]


def test_queries_arrive_unchanged(loop: Any, servers: Any) -> None:
    """The configured query is sent as it is, whatever characters it holds, with the moment of the snapshot."""
    asked = []
    query = 'sum by (instance) (rate(x{a="b&c=d #é"}[1m]))'

    def answer(request: Any) -> Any:
        asked.append(parse_qs(urlsplit(request.path).query))
        body = vector().encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    source = prometheus(loop, servers.serve(answer), {"x": query}, clock=lambda: 1700000000.25)
    loop.run(lambda: source.read(HOSTS))
    assert asked[0]["query"] == ["time()"]
    assert asked[1]["query"] == [query]
    assert asked[1]["time"] == ["1700000000.250"]


def test_refusal_in_the_servers_own_words(loop: Any, servers: Any) -> None:
    """What the API says about a query is passed on, on one line, with the metric's name."""
    said = json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error:\nunexpected <op>"})
    with pytest.raises(SourceError, match="metric load: Prometheus says bad_data: parse error: unexpected <op>"):
        loop.run(lambda: prometheus(loop, servers.page(said, 400)).read(HOSTS))


@pytest.mark.parametrize(
    ("page", "status", "words"),
    [
        ("<h1>Bad gateway</h1>", 502, "status 502 and no query result: <h1>Bad gateway"),
        ("[]", 200, "no query result"),
        ('{"status": "success"}', 200, "no query result"),
        ('{"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}', 200, "scalar"),
        (vector(("web1", "many")), 200, "no query result"),
        (
            json.dumps(
                {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "2"]}]}}
            ),
            200,
            "no series has the label instance",
        ),
    ],
)
def test_answers_that_make_no_sense(loop: Any, servers: Any, page: Any, status: Any, words: Any) -> None:
    """An answer that is no vector per host is a SourceError that says what came instead."""
    with pytest.raises(SourceError, match=words):
        loop.run(lambda: prometheus(loop, servers.page(page, status)).read(HOSTS))


def test_not_a_number_concerns_its_host_only(loop: Any, servers: Any) -> None:
    """NaN makes one host unusable, and the others are still read."""
    port = servers.page(vector(("web1", "NaN"), ("web2", "1"), ("web3", "2")))
    snapshot = loop.run(lambda: prometheus(loop, port).read(HOSTS))
    assert set(snapshot.values) == {"web2", "web3"}
    assert "no usable number" in snapshot.errors["web1"]


def test_server_that_hangs_or_is_gone(loop: Any, servers: Any) -> None:
    """No answer in time, or none at all, is a SourceError."""
    port = servers.serve(lambda _: servers.release.wait(20))
    with pytest.raises(SourceError, match=r"no answer within 0\.3 s"):
        loop.run(lambda: prometheus(loop, port, timeout=0.3).read(HOSTS))
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SourceError, match="refused"):
            loop.run(lambda: prometheus(loop, taken.getsockname()[1]).read(HOSTS))


def test_url_must_be_one() -> None:
    """A base that is no URL is refused at once, with an example."""
    with pytest.raises(SourceError, match=r"write it like http://127\.0\.0\.1:9090"):
        PrometheusSource(None, "localhost:9090", {})


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus program on this machine")
@pytest.mark.timeout(60)
def test_real_prometheus(loop: Any, servers: Any, tmp_path: Any) -> None:
    """A real server that scrapes a real page gives the page's number under the host's name, and refuses a bad query."""
    target = servers.page('# TYPE hits_total counter\nhits_total 41\nhits_total{a="b"} 1\n')
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        f"scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
    )
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
    try:
        source = prometheus(loop, port, {"hits": "sum by (instance) (hits_total)"})
        hosts = [HostAddress("web1", "127.0.0.1")]
        snapshot = _read_until_known(loop, source, hosts, server)
        assert snapshot is not None, (tmp_path / "log").read_text()
        assert snapshot.values == {"web1": {"hits": 42.0}}
        with pytest.raises(SourceError, match=r"metric bad: Prometheus says bad_data: .*parse error"):
            loop.run(lambda: prometheus(loop, port, {"bad": "sum(("}).read(hosts))
    finally:
        server.terminate()
        server.wait(20)


def _read_until_known(loop: Any, source: Any, hosts: Any, server: Any) -> Any:
    """Read until the first scrape has come through, for at most 30 s."""
    pause = threading.Event()
    for _ in range(150):
        assert server.poll() is None, "prometheus ended by itself"
        try:
            snapshot = loop.run(lambda: source.read(hosts))
            if snapshot.values:
                return snapshot
        except SourceError:
            pass  # not listening yet
        pause.wait(0.2)
    return None


def test_the_servers_clock_counts(loop: Any, servers: Any) -> None:
    """A server whose clock is an hour ahead is asked at its own time, with the lag taken off; we keep ours."""
    asked = []

    def answer(request: Any) -> Any:
        query = parse_qs(urlsplit(request.path).query)
        asked.append(query)
        scalar = json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [4600, "4600"]}})
        body = (scalar if query["query"] == ["time()"] else vector(("web1", "1"))).encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    source = prometheus(loop, servers.serve(answer), lag=15.0, clock=lambda: 1000.0)
    assert loop.run(lambda: source.read(HOSTS)).time == 985.0
    assert loop.run(lambda: source.read(HOSTS)).values == {"web1": {"load": 1.0}}
    assert [query.get("time") for query in asked] == [None, ["4585.000"], ["4585.000"]]


def test_hosts_that_share_an_address(loop: Any, servers: Any) -> None:
    """The value that is configured for a host is matched as it is, before name and address are tried."""
    hosts = [HostAddress("a", "10.0.0.1", "cart"), HostAddress("b", "10.0.0.1", "web")]
    port = servers.page(vector(("cart@10.0.0.1", "1"), ("web@10.0.0.1", "2")))
    source = prometheus(loop, port, value="{role}@{address}")
    assert loop.run(lambda: source.read(hosts)).values == {"a": {"load": 1.0}, "b": {"load": 2.0}}
