# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.testing.postgres import PostgresMissing, new_database, private_postgres
from buildbot_cd.testing.yard import Yard


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a private PostgreSQL's first database."""
    try:
        with private_postgres() as url:
            yield url
    except PostgresMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """The master's database: SQLite beside it, or a new one on a real PostgreSQL where a test asks for that."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return "sqlite:///state.sqlite"
    return new_database(request.getfixturevalue("postgres"))


@pytest.fixture
def make_yard(tmp_path: Path) -> Iterator[Callable[..., Yard]]:
    """Makes the test's yard, founded and not started; what it started is ended behind the test."""
    made: list[Yard] = []

    def make(**settings: Any) -> Yard:
        made.append(Yard(tmp_path, **settings))
        made[-1].found()
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.site.stop()


@pytest.fixture
def yard(make_yard: Callable[..., Yard], database: str) -> Yard:
    """A yard that is founded, not started."""
    return make_yard(db_url=database)
