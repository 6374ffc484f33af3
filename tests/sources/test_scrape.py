# SPDX-License-Identifier: GPL-2.0-only
import contextlib
import socket
import threading
import time
from typing import Any

import pytest

from buildbot_cd.errors import SourceError
from buildbot_cd.sources import HostAddress, ScrapeSource

PAGE = """# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{code="200"} 90
http_requests_total{code="500"} 10
# TYPE load gauge
load -0.5
"""


def read(loop: Any, source: Any, *ports: Any) -> Any:
    """One snapshot of hosts h0, h1, ... at these ports."""
    hosts = [HostAddress(f"h{i}", f"127.0.0.1:{port}") for i, port in enumerate(ports)]
    return loop.run(lambda: source.read(hosts))


def scraper(loop: Any, *, timeout: Any = 1.0, **options: Any) -> Any:
    """A source that scrapes the hosts of `read`."""
    return ScrapeSource(loop.reactor, "http://{address}/metrics", timeout=timeout, **options)


def test_sums_label_sets(loop: Any, servers: Any) -> None:
    """The label sets of one name are added up, and gauges may be negative."""
    source = scraper(loop, clock=lambda: 12.5)
    snapshot = read(loop, source, servers.page(PAGE))
    assert snapshot.time == 12.5
    assert snapshot.values == {"h0": {"http_requests_total": 100.0, "load": -0.5}}
    assert snapshot.errors == {}


def test_keeps_only_wanted_names(loop: Any, servers: Any) -> None:
    """Other names of a page are left out, even nonsensical ones."""
    port = servers.page(PAGE + "# TYPE odd counter\nodd_total NaN\n")
    snapshot = read(loop, scraper(loop, wanted={"load"}), port)
    assert snapshot.values == {"h0": {"load": -0.5}}


def test_one_bad_host_does_not_fail_the_rest(loop: Any, servers: Any) -> None:
    """Hosts that refuse, hang, fail, babble, flood or cut off are told apart, and the good one is still read."""
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refuses

        def hang(request: Any) -> Any:
            servers.release.wait(20)

        def hang_in_body(request: Any) -> Any:
            request.send_response(200)
            request.send_header("Content-Length", "1000")
            request.end_headers()
            request.wfile.write(b"half")
            request.wfile.flush()
            servers.release.wait(20)

        def cut(request: Any) -> Any:
            request.send_response(200)
            request.send_header("Content-Length", "1000")
            request.end_headers()
            request.wfile.write(b"half")
            request.close_connection = True

        ports = [
            servers.page(PAGE),
            taken.getsockname()[1],
            servers.serve(hang),
            servers.serve(hang_in_body),
            servers.page("<b>\x1b[31mout of order", 500),
            servers.page("{{{ not metrics at all"),
            servers.page(b"\xff\xfe\x00"),
            servers.page("x" * 200_000),
            servers.serve(cut),
        ]
        started = time.monotonic()
        snapshot = read(loop, scraper(loop, max_bytes=100_000), *ports)
    assert time.monotonic() - started < 8
    assert set(snapshot.values) == {"h0"}
    assert set(snapshot.errors) == {f"h{i}" for i in range(1, 9)}
    assert "refused" in snapshot.errors["h1"]
    assert "no answer within 1 s" in snapshot.errors["h2"]
    assert "no answer within 1 s" in snapshot.errors["h3"]
    assert "answered 500" in snapshot.errors["h4"]
    assert "\x1b" not in snapshot.errors["h4"]
    assert "not the Prometheus text format" in snapshot.errors["h5"]
    assert "not the Prometheus text format" in snapshot.errors["h6"]
    assert "larger than 100000 bytes" in snapshot.errors["h7"]
    assert "cannot be read" in snapshot.errors["h8"]


@pytest.mark.parametrize("line", ["hits_total NaN", "hits_total -1", "hits_total +Inf"])
def test_impossible_counters_are_refused(loop: Any, servers: Any, line: Any) -> None:
    """A counter that is not a number, negative or infinite makes its host's page unusable, and the name is told."""
    snapshot = read(loop, scraper(loop), servers.page(f"# TYPE hits_total counter\n{line}\n"))
    assert snapshot.values == {}
    assert "hits_total" in snapshot.errors["h0"]


def test_at_most_so_many_requests_at_once(loop: Any, servers: Any) -> None:
    """The limit on concurrent requests holds, and all hosts are read in the end."""
    lock, now, most = threading.Lock(), [0], [0]
    full = threading.Event()

    def answer(request: Any) -> Any:
        page = b"# TYPE up gauge\nup 1\n"
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
            if now[0] == 3:
                full.set()
        full.wait(5)
        with lock:
            now[0] -= 1
        request.send_response(200)
        request.send_header("Content-Length", str(len(page)))
        request.end_headers()
        request.wfile.write(page)

    ports = [servers.serve(answer) for _ in range(9)]
    snapshot = read(loop, scraper(loop, timeout=10.0, concurrency=3), *ports)
    assert len(snapshot.values) == 9
    assert most[0] == 3


def test_follows_no_redirect(loop: Any, servers: Any) -> None:
    """A page cannot send the master elsewhere."""
    asked = []
    inner = servers.serve(lambda request: asked.append(request.path))

    def redirect(request: Any) -> Any:
        request.send_response(302)
        request.send_header("Location", f"http://127.0.0.1:{inner}/secret")
        request.send_header("Content-Length", "0")
        request.end_headers()

    snapshot = read(loop, scraper(loop), servers.serve(redirect))
    assert "answered 302" in snapshot.errors["h0"]
    assert asked == []


@pytest.mark.parametrize("template", ["metrics", "ftp://{address}/m", "http://one-host/metrics"])
def test_bad_template(loop: Any, template: Any) -> None:
    """A template that cannot work is refused when it is configured, with an example or the remedy."""
    with pytest.raises(SourceError, match=r"scrape: .*address"):
        ScrapeSource(loop.reactor, template)


def test_restarted_host_is_read_again(loop: Any, servers: Any) -> None:
    """A kept connection that its server closed is no error of the next reading."""

    def once(request: Any) -> Any:
        page = b"# TYPE up gauge\nup 1\n"
        request.send_response(200)
        request.send_header("Content-Length", str(len(page)))
        request.end_headers()
        request.wfile.write(page)
        request.wfile.flush()
        request.close_connection = True  # without having said so

    source = scraper(loop)
    port = servers.serve(once)
    for _ in range(3):
        assert read(loop, source, port).errors == {}
