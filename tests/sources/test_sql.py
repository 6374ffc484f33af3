# SPDX-License-Identifier: GPL-2.0-only
"""Business metrics out of a real database file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.errors import SourceError
from buildbot_cd.sources import HostAddress, SqlSource

HOSTS = [HostAddress("web1", "10.0.0.1"), HostAddress("web2", "10.0.0.2")]
BY_HOST = "select host, count(*) from orders where placed_at >= :since group by host"
MEAN = "select host, avg(total) from orders group by host"
SLOW = "with recursive n(x) as (select 1 union all select x + 1 from n) select 'web1', count(*) from n"


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., None]:
    """Places an order in the shop's database."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table orders (host text, placed_at text, total real)")
        database.commit()

    def order(host: str, at: str, total: float | None = 10.0) -> None:
        with closing(sqlite3.connect(path)) as database:
            database.execute("insert into orders values (?, ?, ?)", (host, at, total))
            database.commit()

    return order


@pytest.fixture
def asking(loop: Any, tmp_path: Path) -> Callable[..., SqlSource]:
    """A source for these queries of that database, made at 2026-01-01 00:00 UTC."""

    def make(*queries: str, **options: Any) -> SqlSource:
        options.setdefault("clock", lambda: 1767225600.0)
        return SqlSource(loop.reactor, f"sqlite:///{tmp_path / 'shop.db'}", queries, **options)

    return make


def test_orders_by_host_since_the_watch_began(loop: Any, shop: Any, asking: Any) -> None:
    """Only what came since counts; a host without a row had none, and strangers are left out."""
    source = asking(BY_HOST, counters=[BY_HOST])
    shop("web1", "2025-12-31 23:59:59")
    assert loop.run(lambda: source.read(HOSTS)).values == {"web1": {BY_HOST: 0.0}, "web2": {BY_HOST: 0.0}}
    for host in ("web1", "web1", "stranger"):
        shop(host, "2026-01-01 00:00:01")
    assert loop.run(lambda: source.read(HOSTS)).values == {"web1": {BY_HOST: 2.0}, "web2": {BY_HOST: 0.0}}


def test_a_level_needs_its_row(loop: Any, shop: Any, asking: Any) -> None:
    """A host without a row has no level, which is told; a level that is null is no number."""
    shop("web1", "2026-01-01", 30.0)
    source = asking(MEAN)
    snapshot = loop.run(lambda: source.read(HOSTS))
    assert snapshot.values == {"web1": {MEAN: 30.0}}
    assert "no row of this host" in snapshot.errors["web2"]
    shop("web2", "2026-01-01", None)
    with pytest.raises(SourceError, match="gives None for 'web2'"):
        loop.run(lambda: source.read(HOSTS))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select * from nowhere", "no such table"),
        ("select host from orders", "gives 1 columns"),
        ("select 'elsewhere', 3", "names a host of the fleet; the first names 'elsewhere'"),
    ],
)
def test_queries_that_cannot_be_used(loop: Any, shop: Any, asking: Any, query: str, words: str) -> None:
    """A query that fails, or has other columns or other hosts, is a SourceError in plain words."""
    shop("web1", "2026-01-01")
    source = asking(query)
    with pytest.raises(SourceError, match=words):
        loop.run(lambda: source.read(HOSTS))


def test_nothing_is_written(loop: Any, shop: Any, asking: Any) -> None:
    """A query that deletes is rolled back."""
    shop("web1", "2026-01-01")
    deleting = asking("delete from orders returning host, 1")
    loop.run(lambda: deleting.read(HOSTS))
    assert loop.run(lambda: asking(MEAN).read(HOSTS)).values == {"web1": {MEAN: 10.0}}


def test_a_query_that_does_not_end_is_broken_off(loop: Any, shop: Any, asking: Any) -> None:
    """The limit holds, and the next reading works."""
    slow = asking(SLOW, timeout=0.3)
    with pytest.raises(SourceError, match=r"sql: .*interrupted"):
        loop.run(lambda: slow.read(HOSTS))
    with pytest.raises(SourceError, match=r"sql: .*interrupted"):
        loop.run(lambda: slow.read(HOSTS))


def test_address_must_be_one() -> None:
    """What is no address of a database is refused, without its password."""
    with pytest.raises(SourceError, match="cannot be used") as caught:
        SqlSource(None, "nosuch://watch:secret@db/shop", ["select 1"])
    assert "secret" not in str(caught.value)
