# SPDX-License-Identifier: GPL-2.0-only
"""A program as a source, and several sources as one."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.errors import SourceError
from buildbot_cd.sources import CombinedSource, CommandSource, HostAddress, ScrapeSource

HOSTS = [HostAddress("web1", "10.0.0.1"), HostAddress("web2", "10.0.0.2"), HostAddress("web3", "10.0.0.3")]


def program(loop: Any, code: str, *wanted: str, **options: Any) -> CommandSource:
    """A source that runs this Python."""
    return CommandSource(loop.reactor, [sys.executable, "-c", code], wanted or ("errors",), **options)


def test_what_a_program_prints(loop: Any) -> None:
    """Wanted numbers by host; hosts without an entry, or with something else in it, are told apart."""
    code = 'print(\'{"web1": {"errors": 3, "other": "x"}, "web2": {"errors": "many"}}\')'
    source = program(loop, code, clock=lambda: 9.0)
    snapshot = loop.run(lambda: source.read(HOSTS))
    assert snapshot.time == 9.0
    assert snapshot.values == {"web1": {"errors": 3.0}}
    assert "no usable number" in snapshot.errors["web2"]
    assert "nothing of this host" in snapshot.errors["web3"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit('no such\\nthing')", "ended with 1: no such thing"),
        ("print('[]')", r"should print a JSON object by host, not: \[\]"),
        ("print('{')", "should print a JSON object"),
        ("print('x' * 300_000)", "more than 100000 bytes"),
    ],
)
def test_programs_that_fail(loop: Any, code: str, words: str) -> None:
    """A bad end or another output is a SourceError with the program's own words."""
    source = program(loop, code, max_bytes=100_000)
    with pytest.raises(SourceError, match=words):
        loop.run(lambda: source.read(HOSTS))


def test_a_program_that_hangs_is_killed_with_its_children(loop: Any, tmp_path: Path) -> None:
    """The limit holds even for a child that keeps the output open, and the child ends too."""
    mark = tmp_path / "child"
    child = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    source = program(loop, code, timeout=1.5)
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"longer than 1\.5 s and was killed"):
        loop.run(lambda: source.read(HOSTS))
    assert time.monotonic() - started < 15
    assert not _lives(int(mark.read_text()))


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_program_that_is_not_there(loop: Any) -> None:
    """It cannot be started, and that is said."""
    source = CommandSource(loop.reactor, ["/nonexistent/metrics"], ["errors"])
    with pytest.raises(SourceError, match="/nonexistent/metrics cannot be started"):
        loop.run(lambda: source.read(HOSTS))


def test_several_sources_read_as_one(loop: Any, servers: Any) -> None:
    """Names of further sources go before a colon; who answered is what the main one says."""
    port = servers.page('# TYPE hits_total counter\nhits_total{code="200"} 5\nhits_total{code="500"} 2\n')
    hosts = [HostAddress("web1", f"127.0.0.1:{port}"), HostAddress("web2", "127.0.0.1:1")]
    main = ScrapeSource(loop.reactor, "http://{address}/metrics", ['hits_total{code=~"5.."}', "hits_total"])
    orders = program(loop, 'print(\'{"web1": {"sold": 4}, "web2": {"sold": 1}}\')', "sold")
    snapshot = loop.run(lambda: CombinedSource(main, {"orders": orders}).read(hosts))
    assert snapshot.values == {"web1": {'hits_total{code=~"5.."}': 2.0, "hits_total": 7.0, "orders:sold": 4.0}}
    assert set(snapshot.errors) == {"web2"}


def test_one_source_that_fails_is_named(loop: Any, servers: Any) -> None:
    """The reading fails as a whole, with the source's name."""
    main = ScrapeSource(loop.reactor, "http://{address}/metrics", ["hits_total"])
    broken = program(loop, "raise SystemExit(3)", "sold")
    hosts = [HostAddress("web1", f"127.0.0.1:{servers.page('hits_total 1')}")]
    with pytest.raises(SourceError, match=r"source orders: command .* ended with 3"):
        loop.run(lambda: CombinedSource(main, {"orders": broken}).read(hosts))
