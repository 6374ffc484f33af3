# SPDX-License-Identifier: GPL-2.0-only
"""Who holds which tests of a run, in SQL: claims, their leases, and copies of late ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from buildbot_cd.store.forms.runs import cannot_take
from buildbot_cd.store.rows import Holder, Look, PlannedTest, QueuedTest, WorkState
from buildbot_cd.store.schema import run_need
from buildbot_cd.store.schema import run_test as table
from buildbot_cd.store.sql.statements import many
from buildbot_cd.store.text import clean, from_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.core.dispatch.offer import Window
    from buildbot_cd.store.rows import Share

_WAITING = table.c.state == WorkState.WAITING.value
_CLAIMED = table.c.state == WorkState.CLAIMED.value
_SHOWN = [table.c[one] for one in ("nid", "position", "estimate", "rank", "group", "avoid_worker", "crashes", "unmet")]
_BEST = (table.c.rank.desc(), table.c.position)
_FREE = {
    "state": WorkState.WAITING.value,
    "worker": None,
    "claimed_at": None,
    "lease_until": None,
    "started_at": None,
}


class RunClaims:
    """The claims of runs; the caller has made sure that the run exists and is RUNNING where that matters."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn

    def look(self, run: int, window: Window) -> Look:
        """See `interface_work.Runs.look`."""
        open_ = (table.c.run == run) & _WAITING
        total = sa.select(sa.func.coalesce(sa.func.sum(table.c.estimate), 0.0)).where(open_)
        remaining = float(self._conn.execute(total).scalar_one())
        ready = self._ready(open_ & (table.c.unmet == 0), window, remaining)
        waits = sa.select(*_SHOWN, table.c.requires).where(open_ & (table.c.unmet > 0)).order_by(*_BEST)
        rows = self._conn.execute(waits.limit(max(window.most, len(ready))))
        return Look(tuple(ready), tuple(_waiting(*row) for row in rows), remaining, self._holders(run))

    def _ready(self, which: sa.ColumnElement[bool], window: Window, remaining: float) -> list[QueuedTest]:
        """Read in parts, each as long as all before it, until there is enough to show."""
        found: list[QueuedTest] = []
        query, size = sa.select(*_SHOWN).where(which).order_by(*_BEST), max(window.most, 1)
        while True:
            rows = self._conn.execute(query.offset(len(found)).limit(size)).all()
            found += [QueuedTest(*row[:-1]) for row in rows]
            number = window.shown([one.estimate for one in found], remaining)
            if number is not None or len(rows) < size:
                return found[:number]
            size = len(found)

    def _holders(self, run: int) -> tuple[Holder, ...]:
        c = table.c
        query = (
            sa.select(c.worker, sa.func.count(), sa.func.sum(c.estimate), sa.func.min(c.claimed_at))
            .where((c.run == run) & _CLAIMED)
            .group_by(c.worker)
            .order_by(c.worker)
        )
        return tuple(sorted((Holder(*row) for row in self._conn.execute(query)), key=lambda one: one.worker))

    def deal(self, run: int, shares: Sequence[Share], at: float) -> dict[str, tuple[PlannedTest, ...]]:
        """See `interface_work.Runs.deal`. One statement takes and reads all; an error leaves it to the roll-back."""
        names = [list(dict.fromkeys(clean(nid) for nid in share.nids)) for share in shares]
        wanted = [
            {"nid": nid, "worker": clean(share.worker), "until": share.lease_until}
            for share, each in zip(shares, names, strict=True)
            for nid in each
        ]
        given = self._given(wanted)
        claimed = {"state": WorkState.CLAIMED.value, "claimed_at": at}
        values = {**claimed, "worker": given["worker"], "lease_until": given["until"]}
        where = (table.c.run == run) & (table.c.nid == given["nid"]) & _WAITING
        taken = sa.update(table).where(where).values(**values).returning(*_SHOWN, table.c.requires)
        found = self._conn.execute(taken).mappings() if wanted else ()
        rows: dict[str, Mapping[str, Any]] = {row["nid"]: dict(row) for row in found}
        seen: set[str] = set()
        for nid in (nid for each in names for nid in each):
            if nid not in rows or nid in seen:
                raise cannot_take(nid)
            seen.add(nid)
        ordered = (rows[nid] for each in names for nid in each)
        self._check(run, {row["position"]: row for row in ordered if row["unmet"]})
        return {
            clean(share.worker): tuple(planned(rows[nid]) for nid in each)
            for share, each in zip(shares, names, strict=True)
        }

    def _given(self, wanted: Sequence[Mapping[str, Any]]) -> dict[str, sa.ColumnElement[Any]]:
        """The wanted rows as a table of the statement: one parameter, however many they are."""
        text = sa.cast(sa.bindparam("wanted", json.dumps(wanted)), sa.Text)
        if self._conn.dialect.name == "postgresql":
            columns = (sa.column("nid", sa.Text), sa.column("worker", sa.Text), sa.column("until", sa.Double))
            rows = sa.func.json_to_recordset(sa.cast(text, sa.JSON)).table_valued(*columns, name="given")
            return dict(rows.render_derived(name="given", with_types=True).c)
        value = sa.func.json_each(text).table_valued("value", name="given").c.value
        parts = [sa.func.json_extract(value, f"$.{name}").label(name) for name in ("nid", "worker", "until")]
        # The limit keeps SQLite from reading the JSON anew for each test: it makes a table of it, and an index.
        return dict(sa.select(*parts).limit(len(wanted)).subquery("given").c)

    def _check(self, run: int, waiting: Mapping[int, Mapping[str, Any]]) -> None:
        """Whether what these wait for is all held by the worker that holds them."""
        follower = table.alias()
        both = (table.c.run == run) & (table.c.position == run_need.c.need) & (table.c.worker == follower.c.worker)
        mine = (follower.c.run == run) & (follower.c.position == run_need.c.position)
        need = sa.join(run_need, follower, mine).join(table, both)
        for part in _parts(list(waiting)):
            query = (
                sa.select(run_need.c.position, sa.func.count())
                .select_from(need)
                .where((run_need.c.run == run) & run_need.c.position.in_(part) & _CLAIMED)
                .group_by(run_need.c.position)
            )
            held: dict[int, int] = dict(self._conn.execute(query).all())
            for place in part:
                if held.get(place, 0) < waiting[place]["unmet"]:
                    raise cannot_take(waiting[place]["nid"])

    def who_holds(self, run: int, nids: Sequence[str]) -> dict[str, str]:
        """See `interface_work.Runs.who_holds`."""
        found: dict[str, str] = {}
        for part in _parts(nids):
            claimed = (table.c.run == run) & _CLAIMED & table.c.nid.in_(part)
            query = sa.select(table.c.nid, table.c.worker).where(claimed)
            found |= dict(self._conn.execute(query).all())
        return found

    def copy(self, run: int, worker: str, nid: str, until: float) -> PlannedTest | None:
        """See `interface_work.Runs.copy`."""
        which = (table.c.run == run) & (table.c.nid == nid) & _CLAIMED
        free = table.c.copied_to.is_(None) & (table.c.worker != worker)
        values = {"copied_to": worker, "lease_until": sa.func.coalesce(_later(until), until)}
        if not self._conn.execute(sa.update(table).where(which & free).values(**values)).rowcount:
            return None
        columns = [*_SHOWN, table.c.requires]
        (row,) = many(self._conn, sa.select(*columns).where((table.c.run == run) & (table.c.nid == nid)))
        return planned(row)

    def extend(self, run: int, worker: str, at: float, until: float, running: str | None) -> int:
        """See `interface_work.Runs.extend`."""
        mine = (table.c.run == run) & _CLAIMED & ((table.c.worker == worker) | (table.c.copied_to == worker))
        changed = self._conn.execute(sa.update(table).where(mine).values(lease_until=_later(until))).rowcount
        if running is not None:
            first = mine & (table.c.nid == running) & table.c.started_at.is_(None) & (table.c.worker == worker)
            self._conn.execute(sa.update(table).where(first).values(started_at=at))
        return changed

    def expire(self, run: int, at: float) -> tuple[str, ...]:
        """See `interface_work.Runs.expire`."""
        over = (table.c.run == run) & _CLAIMED & (table.c.lease_until < at)
        workers = sorted(self._conn.execute(sa.select(table.c.worker).where(over).distinct()).scalars())
        if workers:
            started = over & table.c.started_at.is_not(None)
            self._conn.execute(sa.update(table).where(started).values(crashes=table.c.crashes + 1))
            # Who ran a copy would have extended the lease: it is gone too.
            self._conn.execute(sa.update(table).where(over).values(copied_to=None, **_FREE))
        return tuple(workers)

    def release(self, run: int, worker: str, suspect: str | None) -> int:
        """See `interface_work.Runs.release`."""
        ran_copies = (table.c.run == run) & (table.c.copied_to == worker) & _CLAIMED
        self._conn.execute(sa.update(table).where(ran_copies).values(copied_to=None))
        mine = (table.c.run == run) & (table.c.worker == worker) & _CLAIMED
        if suspect is not None:
            values = {"crashes": table.c.crashes + 1}
            self._conn.execute(sa.update(table).where(mine & (table.c.nid == suspect)).values(**values))
        return self._give_up(mine)

    def _give_up(self, which: sa.ColumnElement[bool]) -> int:
        copied = which & table.c.copied_to.is_not(None)
        handed = {"worker": table.c.copied_to, "copied_to": None, "started_at": None}
        plain = self._conn.execute(sa.update(table).where(which & table.c.copied_to.is_(None)).values(**_FREE)).rowcount
        return plain + self._conn.execute(sa.update(table).where(copied).values(**handed)).rowcount


def _waiting(*row: Any) -> QueuedTest:
    *shown, unmet, requires = row
    return QueuedTest(*[*shown, tuple(from_json(requires)), unmet])


def _later(until: float) -> sa.Case[Any]:
    """The later one of the lease that there is and this."""
    return sa.case((table.c.lease_until > until, table.c.lease_until), else_=until)


def _parts(values: Sequence[Any], size: int = 500) -> list[list[Any]]:
    """Lists that fit into one statement: SQLite takes a limited number of parameters."""
    return [list(values[at : at + size]) for at in range(0, len(values), size)]


def planned(row: Mapping[str, Any]) -> PlannedTest:
    """A claimed test."""
    requires = tuple(from_json(row["requires"]))
    return PlannedTest(
        row["nid"], row["estimate"], row["rank"], requires, row["group"], row["avoid_worker"], row["crashes"]
    )
