# SPDX-License-Identifier: GPL-2.0-only
"""A master's database, opened to read what it has learnt; never made, and its password never told."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from buildbot_cd.errors import CdError
from buildbot_cd.store import EngineStore

if TYPE_CHECKING:
    from collections.abc import Iterator

HELP = "the master's db_url, such as sqlite:////srv/master/state.sqlite"
"""Of the option ``--db``."""


@contextmanager
def reading(url: str) -> Iterator[EngineStore]:
    """The store in the database with this address. Raises CdError if there is none, also for what is read in it."""
    try:
        place = sa.engine.make_url(url)
        if place.get_backend_name() == "sqlite" and not Path(place.database or "").is_file():
            raise CdError(f"--db {_shown(url)}: there is no such file; an absolute path has four slashes: {_EXAMPLE}")
        yield EngineStore(sa.create_engine(place, poolclass=sa.NullPool))
    except sa.exc.ArgumentError as error:
        raise CdError(f"--db {_shown(url)}: is no address of a database; write {_EXAMPLE}") from error
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        reason = str(error).splitlines()[0]
        foreign = "cd_" in reason and ("no such table" in reason or "does not exist" in reason)
        hint = ": no master with continuous deployment has run on it" if foreign else ""
        raise CdError(f"--db {_shown(url)}: {reason}{hint}") from error


_EXAMPLE = "sqlite:////srv/master/state.sqlite or postgresql://user:password@host/name"


def _shown(url: str) -> str:
    """Without what may be a password."""
    return url.rpartition("@")[2]
