# SPDX-License-Identifier: GPL-2.0-only
"""The store over Buildbot's own pool of database threads, or over a plain engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import sqlalchemy as sa

from buildbot_cd.store.sql.transaction import reading, retrying, writing
from buildbot_cd.store.sql.tx import SqlTx

if TYPE_CHECKING:
    from collections.abc import Callable

    from buildbot_cd.store.interface import Tx

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Returned(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _Raised:
    error: Exception


class SqlStore:
    """A store in the master's database.

    :param pool: ``master.db.pool``; transactions run in its threads, ``transact`` is awaited in Twisted's loop.
    """

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def transact(self, fn: Callable[[Tx], T]) -> T:
        """See `interface.Store`. Errors of the connection are treated as the pool treats those of Buildbot's own."""
        return await self._do(_transact, fn)

    async def read(self, fn: Callable[[Tx], T]) -> T:
        """See `interface.Store`."""
        return await self._do(_read, fn)

    async def _do(self, how: Callable[[sa.Engine, Callable[[Tx], T]], T], fn: Callable[[Tx], T]) -> T:
        outcome: _Returned[T] | _Raised = await self._pool.do_with_engine(_outcome, how, fn)
        if isinstance(outcome, _Raised):
            raise outcome.error
        return outcome.value

    @staticmethod
    def on_engine(engine: sa.Engine) -> EngineStore:
        """A store without Buildbot: for the command line and for tests."""
        return EngineStore(engine)


class EngineStore:
    """A store over an engine; every transaction blocks the thread that asks for it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    async def transact(self, fn: Callable[[Tx], T]) -> T:
        """See `interface.Store`; never really waits, so it needs no loop."""
        return self.transact_now(fn)

    async def read(self, fn: Callable[[Tx], T]) -> T:
        """See `interface.Store`; never really waits."""
        return self.read_now(fn)

    def read_now(self, fn: Callable[[Tx], T]) -> T:
        """The same as a plain call."""
        return _read(self._engine, fn)

    def transact_now(self, fn: Callable[[Tx], T]) -> T:
        """The same as a plain call."""
        return _transact(self._engine, fn)


def _transact(engine: sa.Engine, fn: Callable[[Tx], T]) -> T:
    def attempt() -> T:
        with writing(engine) as conn:
            return fn(SqlTx(conn))

    return retrying(attempt)


def _read(engine: sa.Engine, fn: Callable[[Tx], T]) -> T:
    def attempt() -> T:
        with reading(engine) as conn:
            return fn(SqlTx(conn))

    return retrying(attempt)


def _outcome(
    engine: sa.Engine, how: Callable[[sa.Engine, Callable[[Tx], T]], T], fn: Callable[[Tx], T]
) -> _Returned[T] | _Raised:
    """Carry exceptions as values: the pool would log each as fatal, and a stale version is everyday life."""
    try:
        return _Returned(how(engine, fn))
    except sa.exc.OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - raised again by transact, in the caller's thread
        return _Raised(error)
