# SPDX-License-Identifier: GPL-2.0-only
"""A PostgreSQL that is restarted costs a wait and nothing else: what it cut off is done again, in Buildbot too.

Buildbot's pool of database threads tries again where its engine says that an error will pass; for PostgreSQL it never
does. A build whose bookkeeping meets such an error hangs until the master is started again, and its landing with it.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine.interfaces import Dialect, ExceptionContext

PATIENCE = 120.0
"""Seconds for which a server that lets nobody in is asked again."""

PAUSE = 0.2
"""Seconds between two attempts to connect."""

NAME = "buildbot_cd: the transaction's name"
ABLE = "buildbot_cd: the server tells names"
UNDONE = "buildbot_cd_undone"
"""What an error of a commit has as an attribute, if the server has said that nothing of the transaction counts."""

ASK_NAME = """
SELECT txid_current_if_assigned(), pg_current_wal_insert_lsn()::text, checkpoint_lsn::text FROM pg_control_checkpoint()
"""
ASK_STATE = """
SELECT txid_status(%s), checkpoint_lsn = %s::pg_lsn OR redo_lsn > %s::pg_lsn FROM pg_control_checkpoint()
"""

RESTARTS = ("is starting up", "is shutting down", "not yet accepting", "recovery mode")
"""What a server says while it is restarted; one that is away says nothing."""


def endure(engine: Any, patience: float = PATIENCE) -> None:
    """Teach a Buildbot database engine to outlive restarts of PostgreSQL; other databases stay as they are.

    Connecting waits for the server. A transaction that was cut off is done again by the pool, from its beginning; of
    one that was cut off within its commit the server is asked first, and if it counts, all is well.
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
    sa.event.listen(engine, "connect", _find_out)
    sa.event.listen(engine, "commit", _name)
    plain = engine.dialect.do_commit
    engine.dialect.do_commit = lambda connection: _commit(engine, plain, connection, patience)
    engine.dispose()  # connections that were opened before have not been asked


def cut_off(error: sa.exc.DBAPIError) -> bool:
    """True if the connection broke and the transaction does not count. At the commit, which is no statement, it may."""
    return error.connection_invalidated and (error.statement is not None or hasattr(error.orig, UNDONE))


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


def _find_out(connection: Any, record: Any) -> None:
    """Whether this server tells what `_name` asks: an old one does not, nor one that keeps it from this role.

    An error in the midst of a transaction would undo it, so this is found out where there is none.
    """
    record.info[ABLE] = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(ASK_NAME)
    except Exception:  # noqa: BLE001 - of the driver, whichever it is
        record.info[ABLE] = False
    connection.rollback()


def _name(connection: sa.Connection) -> None:
    """Ask what the transaction is called and where the server's log stands, before the commit."""
    if connection.info.get(ABLE):
        connection.info[NAME] = connection.exec_driver_sql(ASK_NAME).one()


def _commit(engine: Any, plain: Callable[[Any], None], connection: Any, patience: float) -> None:
    """Commit; an error is raised only if the transaction does not count, or if nobody can tell."""
    name = connection.info.pop(NAME, None)
    try:
        plain(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        if name is None or not engine.dialect.is_disconnect(error, connection, None):
            raise
        counts = _counts(engine, name, patience)
        if counts:
            connection.invalidate()  # whoever goes on with it gets another one
            return
        if counts is not None:
            setattr(error, UNDONE, True)
        raise


def _counts(engine: Any, named: Any, patience: float) -> bool | None:
    """Whether the server kept a transaction whose commit it did not answer; None if it cannot be known.

    After a crash the name of a transaction that was lost is given to another one. It was not lost if the server began
    its life after the crash behind the place at which its log stood before the commit.
    """
    name, log, checkpoint = named
    if name is None:
        return False  # it wrote nothing
    until = time.monotonic() + patience
    while time.monotonic() < until:
        with contextlib.suppress(sa.exc.OperationalError), engine.connect() as other:
            try:
                state, ours = other.exec_driver_sql(ASK_STATE, (name, checkpoint, log)).one()
            except sa.exc.DataError:  # "is in the future": the server does not remember it at all
                return False
            if state != "in progress":
                return (True if ours else None) if state == "committed" else False if state == "aborted" else None
        time.sleep(PAUSE)
    return None
