# SPDX-License-Identifier: GPL-2.0-only
"""A PostgreSQL that is restarted costs a wait and nothing else: what it cut off is done again, in Buildbot too.

Buildbot's pool of database threads tries again where its engine says that an error will pass; for PostgreSQL it never
does. A build whose bookkeeping meets such an error hangs until the master is started again, and its landing with it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect, ExceptionContext

PATIENCE = 120.0
"""Seconds for which a server that lets nobody in is asked again."""

PAUSE = 0.2
"""Seconds between two attempts to connect."""

RESTARTS = ("is starting up", "is shutting down", "not yet accepting", "recovery mode")
"""What a server says while it is restarted; one that is away says nothing."""


def endure(engine: Any, patience: float = PATIENCE) -> None:
    """Teach a Buildbot database engine to outlive restarts of PostgreSQL; other databases stay as they are.

    Connecting waits for the server. A transaction that was cut off before its commit is done again by the pool, from
    its beginning; one that was cut off while it was committed is not, since nobody knows whether it counted.
    """
    if engine.dialect.name != "postgresql" or getattr(engine, "endures", False):
        return
    engine.endures = True
    before = engine.should_retry
    engine.should_retry = lambda error: cut_off(error) or before(error)

    def connect(dialect: Dialect, _record: Any, cargs: list[Any], cparams: dict[str, Any]) -> Any:
        return _connect(dialect, cargs, cparams, patience)

    sa.event.listen(engine, "do_connect", connect)
    sa.event.listen(engine, "handle_error", _plain)
    sa.event.listen(engine, "commit", _look_first)


def cut_off(error: sa.exc.DBAPIError) -> bool:
    """True if the connection broke at a statement; at the commit itself there is none, and the outcome is unknown."""
    return error.connection_invalidated and error.statement is not None


def _connect(dialect: Dialect, cargs: list[Any], cparams: dict[str, Any], patience: float) -> Any:
    """A connection as soon as the server lets us in; its last refusal after ``patience`` seconds. Blocks its thread."""
    until = time.monotonic() + patience
    while True:
        try:
            return dialect.connect(*cargs, **cparams)
        except dialect.loaded_dbapi.OperationalError as error:
            refused = "FATAL" in str(error) and not any(word in str(error) for word in RESTARTS)
            if refused or time.monotonic() > until:
                raise
        time.sleep(PAUSE)


def _plain(context: ExceptionContext) -> None:
    """Say "operational" of every broken connection: the driver has other names too, which the pool does not know."""
    found = context.sqlalchemy_exception
    if context.is_disconnect and found is not None and not isinstance(found, sa.exc.OperationalError):
        raise sa.exc.OperationalError(
            context.statement, context.parameters, context.original_exception, connection_invalidated=True
        ) from context.original_exception


def _look_first(connection: sa.Connection) -> None:
    """A connection that broke since its last statement is found here and not at the commit: so it is done again."""
    connection.exec_driver_sql("SELECT 1")
