# SPDX-License-Identifier: GPL-2.0-only
"""A running master, seen from outside: through its database and with a limit on every wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.cli.demo.site import Site

LIMIT = 120.0
"""Seconds that a test waits for one thing."""


class Seen:
    """What a test asks of the master of ``site``."""

    site: Site

    def __init__(self, site: Site) -> None:
        self.site = site

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the master's database, read from outside."""
        url = self.site.db_url.replace("sqlite:///", f"sqlite:///{self.site.master}/")
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    def until(self, done: Callable[[], Any], what: str, seconds: float = LIMIT) -> Any:
        """Wait for something that can be asked, with a limit."""
        return self.site.wait(done, what, seconds)

    def landing(self, number: int = 1) -> dict[str, Any]:
        """A landing's row."""
        found = self.rows(f"SELECT id, state, reason, head FROM cd_landing WHERE id = {number:d}")  # noqa: S608 - a number
        return dict(zip(("id", "state", "reason", "head"), found[0], strict=True)) if found else {"state": None}

    def comes_to(self, state: str, number: int = 1, seconds: float = LIMIT) -> dict[str, Any]:
        """Wait until the landing is in this state; a landing that ended elsewhere fails at once, with its reason."""

        def there() -> bool:
            now = self.landing(number)
            assert now["state"] == state or now["state"] not in ("live", "reverted", "halted"), now
            return bool(now["state"] == state)

        self.until(there, f"landing {number} to be {state}; it is {self.landing(number)}", seconds)
        return self.landing(number)
