# SPDX-License-Identifier: GPL-2.0-only
"""One transaction at a time, on each database in its way, and again after a collision."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa

from buildbot_cd.errors import StoreError
from buildbot_cd.store.schema import writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds for which collisions are tried again."""

_PG_COLLISIONS = frozenset({"40001", "40P01", "55P03"})
"""SQLSTATE of a serialization failure, a deadlock, and a lock that could not be had."""

_PG_FIRST = (
    "SET LOCAL idle_in_transaction_session_timeout = '60s'; "
    "SET LOCAL lock_timeout = '10s'; "
    f"LOCK TABLE {writer.name} IN EXCLUSIVE MODE"
)
"""One round trip. A master that was cut off in the middle loses its lock after the minute. The lock comes before the
snapshot of REPEATABLE READ is taken (PostgreSQL's manual, 13.3 "Explicit Locking"), so nothing that is read is old."""


def retrying(attempt: Callable[[], T], patience: float = PATIENCE) -> T:
    """Call ``attempt`` again while the database says that others were in the way; blocks the calling thread."""
    end = time.monotonic() + patience
    pause = 0.005
    while True:
        try:
            return attempt()
        except sa.exc.DBAPIError as error:
            if not collided(error) or time.monotonic() > end:
                raise
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads the attempts
        pause = min(pause * 2, 0.25)


def collided(error: sa.exc.DBAPIError) -> bool:
    """True if the same transaction may succeed when it is tried again."""
    if getattr(error.orig, "pgcode", None) in _PG_COLLISIONS:
        return True
    return str(getattr(error.orig, "sqlite_errorname", "")).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection in a transaction that no other writer overlaps; committed at the end, rolled back by an exception.

    Raises StoreError for databases other than SQLite and PostgreSQL.
    """
    dialect = engine.dialect.name
    check_dialect(dialect)
    with engine.connect() as conn:
        if dialect == "postgresql":
            conn = conn.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901 - the same connection
        with conn.begin():
            # SQLite's driver would begin only at the first write, and then fail if somebody wrote since the reads.
            conn.exec_driver_sql(_PG_FIRST if dialect == "postgresql" else "BEGIN IMMEDIATE")
            yield conn


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees one consistent state and takes no writer's turn; nothing that it writes is kept.

    Raises StoreError for databases other than SQLite and PostgreSQL.
    """
    dialect = engine.dialect.name
    check_dialect(dialect)
    with engine.connect() as conn:
        if dialect == "postgresql":
            conn = conn.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901 - the same connection
        with conn.begin() as transaction:
            conn.exec_driver_sql("SET TRANSACTION READ ONLY" if dialect == "postgresql" else "BEGIN")
            yield conn
            transaction.rollback()


def check_dialect(name: str) -> None:
    """Raises StoreError for a database that the store does not speak."""
    if name not in {"sqlite", "postgresql"}:
        raise StoreError(f"buildbot_cd keeps its tables in SQLite or PostgreSQL, not in {name}: change the db_url")
