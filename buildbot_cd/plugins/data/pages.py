# SPDX-License-Identifier: GPL-2.0-only
"""Lists that grow for ever: from the query of a reader to what the database can answer by its indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot.data.base import EndpointKind, ListResult
from buildbot.data.exceptions import InvalidQueryParameter

from buildbot_cd.plugins.data.base import CdEndpoint, lens_of
from buildbot_cd.store.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.engine.views import Lens
    from buildbot_cd.store.interface import Tx

USUAL = 50
MOST = 500
"""Rows of a page, unless told and at most."""


def wanted_from(spec: Any, equal: Sequence[str], states: Sequence[str], ended: Sequence[str]) -> Wanted:
    """Take over filters, order and limits of Buildbot's result specification, which is left with the fields alone.

    ``equal`` are the fields that may be asked for a value; ``states`` all states, ``ended`` the last ones.
    InvalidQueryParameter names what is allowed.
    """
    asked: dict[str, Any] = {}
    chosen = set(states)
    for one in spec.filters:
        if one.field == "id":
            _ids(one, asked)
        elif one.field == "state" and one.op in ("eq", "in"):
            chosen &= _known(one.values, states)
        elif one.field == "open" and one.op == "eq":
            chosen &= set(states) - set(ended) if one.values[0] else set(ended)
        elif one.field in equal and one.op == "eq" and len(one.values) == 1:
            asked[str(one.field)] = one.values[0]
        else:
            raise InvalidQueryParameter(
                f"this list can be filtered by id, state, open, {', '.join(equal)}; not by {one.field} ({one.op})"
            )
    if chosen != set(states):
        asked["states"] = tuple(sorted(chosen))
    wanted = Wanted(newest_first=_newest_first(spec.order), limit=_limit(spec.limit), offset=spec.offset or 0, **asked)
    spec.filters, spec.order, spec.limit, spec.offset = [], None, None, None
    return wanted


def page(spec: Any, wanted: Wanted, rows: list[dict[str, Any]], total: int) -> ListResult:
    """The rows as Buildbot wants a list that was cut already; the fields are taken here, since it does not do both."""
    fields = set(spec.fields or ())
    spec.fields = None
    kept = [{name: value for name, value in row.items() if name in fields} for row in rows] if fields else rows
    return ListResult(kept, offset=wanted.offset, total=total, limit=wanted.limit)


def _ids(one: Any, asked: dict[str, Any]) -> None:
    number = int(one.values[0])
    bounds = {
        "eq": (number - 1, number + 1),
        "lt": (None, number),
        "le": (None, number + 1),
        "gt": (number, None),
        "ge": (number - 1, None),
    }
    if one.op not in bounds or len(one.values) != 1:
        raise InvalidQueryParameter("id can be asked for with id, id__lt, id__le, id__gt and id__ge, one value each")
    above, below = bounds[one.op]
    if above is not None:
        asked["above"] = max(above, asked.get("above", above))
    if below is not None:
        asked["below"] = min(below, asked.get("below", below))


def _known(values: Sequence[Any], states: Sequence[str]) -> set[str]:
    strange = sorted(set(values) - set(states))
    if strange:
        raise InvalidQueryParameter(f"there is no state {strange[0]!r}; there are {', '.join(states)}")
    return set(values)


def _newest_first(order: Sequence[str] | None) -> bool:
    if not order or tuple(order) == ("-id",):
        return True
    if tuple(order) == ("id",):
        return False
    raise InvalidQueryParameter(f"this list can be ordered by id or -id, not by {', '.join(order)}")


def _limit(limit: int | None) -> int:
    if limit is None:
        return USUAL
    if not 0 <= limit <= MOST:
        raise InvalidQueryParameter(f"limit must lie between 0 and {MOST}, not {limit}")
    return limit


class Paged(CdEndpoint):
    """A list in pages: ``equal`` fields may be asked for a value; ``states`` are all states, ``ended`` the last."""

    kind = EndpointKind.COLLECTION
    equal: Sequence[str] = ("gate",)
    states: Sequence[str] = ()
    ended: Sequence[str] = ()

    def rows(self, tx: Tx, wanted: Wanted, lens: Lens) -> tuple[list[dict[str, Any]], int]:
        """A page, and how many there are in all."""
        raise NotImplementedError

    async def answer(self, resultSpec: Any, kwargs: dict[str, Any]) -> Any:  # noqa: ARG002 - the address has no parts
        """What was asked for, cut by the database."""
        engine = self.engine
        wanted, lens = wanted_from(resultSpec, self.equal, self.states, self.ended), lens_of(engine)
        rows, total = await engine.store.read(lambda tx: self.rows(tx, wanted, lens))
        return page(resultSpec, wanted, rows, total)
