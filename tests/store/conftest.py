# SPDX-License-Identifier: GPL-2.0-only
"""Databases for the store's tests: a SQLite file each, and one private PostgreSQL emptied for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from buildbot_cd.store import upgrade
from buildbot_cd.testing.postgres import PostgresMissing, private_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL that belongs to this test session."""
    try:
        server = private_postgres()
        url = server.__enter__()
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    try:
        yield url
    finally:
        server.__exit__(None, None, None)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An engine on a database without any table."""
    if request.param == "sqlite":
        engine = sa.create_engine(f"sqlite:///{tmp_path}/state.sqlite", poolclass=sa.NullPool)
        with engine.connect() as conn:
            conn.exec_driver_sql("PRAGMA journal_mode=wal")
    else:
        engine = sa.create_engine(request.getfixturevalue("postgres_url"))
        with engine.begin() as conn:
            conn.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield engine
    engine.dispose()


@pytest.fixture
def engine(empty: sa.Engine) -> sa.Engine:
    """An engine on a database with our tables."""
    with empty.connect() as conn:
        upgrade(conn)
    return empty
