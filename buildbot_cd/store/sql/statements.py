# SPDX-License-Identifier: GPL-2.0-only
"""The few shapes of statement that all modules here share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from buildbot_cd.store.text import fits
from buildbot_cd.store.wanted import limited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.store.wanted import Wanted


def next_id(conn: sa.Connection, table: sa.Table) -> int:
    """The id of the next row. Sound because writers go one after the other."""
    return (conn.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0) + 1


def insert_if_absent(conn: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """True if the row was written, False if a row with the same key is there; never breaks the transaction."""
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement: Any = insert(table).values(**values).on_conflict_do_nothing()
    return conn.execute(statement).rowcount == 1


def upsert(conn: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows, each over the one with the same primary key; columns that they do not name stay."""
    if not rows:
        return
    insert: Any = (postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert)(table)
    keys = [column.name for column in table.primary_key]
    changed = {
        column.name: insert.excluded[column.name]
        for column in table.columns
        if column.name in rows[0] and column.name not in keys
    }
    conn.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed), list(rows))


def one(conn: sa.Connection, statement: sa.Select[Any]) -> dict[str, Any] | None:
    """The only row, or None."""
    row = conn.execute(statement).one_or_none()
    return None if row is None else dict(row._mapping)  # noqa: SLF001 - a public attribute: see SQLAlchemy's Row


def many(conn: sa.Connection, statement: sa.Select[Any]) -> list[dict[str, Any]]:
    """All rows, by column name."""
    return [dict(row._mapping) for row in conn.execute(statement)]  # noqa: SLF001 - as above


def before(column: sa.Column[int], ident: int) -> sa.ColumnElement[bool]:
    """The condition that ids are under this one, which may be any number."""
    return column < max(0, min(ident, 2**63 - 1))


def find(
    conn: sa.Connection,
    table: sa.Table,
    wanted: Wanted,
    *,
    few: bool = False,
    also: Sequence[sa.ColumnElement[bool] | sa.TextClause] = (),
) -> tuple[list[dict[str, Any]], int]:
    """The asked part of the rows that match, and how many match in all.

    ``few``: not many match, wherever they are. SQLite is then kept from going through the table in the order of ids,
    as it does to spare itself the sorting, and takes the index of the conditions.
    ``also``: conditions that follow from those of ``wanted``, in the words of the index that shall be taken.
    """
    where = [*also, *(table.c[name] == value for name, value in wanted.equals.items())]
    if wanted.landing is not None and not fits(wanted.landing):
        return [], 0
    if wanted.states is not None:
        where.append(table.c.state.in_(wanted.states))
    if wanted.since is not None:
        where.append(table.c.since >= wanted.since)
    if wanted.below is not None:
        where.append(before(table.c.id, wanted.below))
    if wanted.above is not None:
        where.append(table.c.id > max(-1, min(wanted.above, 2**63 - 1)))
    number = sa.select(sa.func.count()).select_from(table).where(*where)
    total = (conn.execute(number).scalar() or 0) if wanted.counted else 0
    place: sa.ColumnElement[int] = table.c.id + 0 if few else table.c.id
    order = place.desc() if wanted.newest_first else place
    query = sa.select(table).where(*where).order_by(order)
    return many(conn, query.limit(limited(wanted.limit)).offset(limited(wanted.offset))), total
