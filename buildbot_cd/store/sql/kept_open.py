# SPDX-License-Identifier: GPL-2.0-only
"""A connection that stays open beside Buildbot's pool, which opens one for each transaction on SQLite.

When the last connection to a SQLite database closes, SQLite copies its write-ahead log into it and removes the log,
which waits for the disk. With one that stays, this happens each thousand pages and not with nearly each transaction.
"""

from __future__ import annotations

import sqlalchemy as sa


def keep_open(engine: sa.Engine) -> sa.Connection | None:
    """A connection that holds nothing and only is there; None where there is no file. Whoever asks closes it."""
    if engine.dialect.name != "sqlite" or engine.url.database in (None, "", ":memory:"):
        return None
    conn = engine.connect()
    conn.exec_driver_sql("SELECT count(*) FROM sqlite_master").fetchall()  # it is opened by its first look
    conn.rollback()
    return conn
