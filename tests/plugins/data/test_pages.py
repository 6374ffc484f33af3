# SPDX-License-Identifier: GPL-2.0-only
"""From a reader's query to what the database is asked, by Buildbot's own parser of queries."""

from __future__ import annotations

from typing import Any

import pytest
from buildbot.data.connector import DataConnector
from buildbot.data.exceptions import InvalidQueryParameter

from buildbot_cd.plugins.data.pages import page, wanted_from
from buildbot_cd.plugins.data.resources import CdLanding
from buildbot_cd.store.wanted import Wanted

STATES = ("queued", "testing", "live", "reverted")
ENDED = ("live", "reverted")


def spec(**query: Any) -> Any:
    """The specification that Buildbot makes of a query."""
    args = {
        name.encode(): [str(one).encode() for one in (value if isinstance(value, list) else [value])]
        for name, value in query.items()
    }
    parse: Any = DataConnector.resultspec_from_jsonapi
    named = {name.decode(): values for name, values in args.items()}
    return parse(None, named, CdLanding.entityType, True)


def wanted(**query: Any) -> Wanted:
    """What the database is asked for a query."""
    return wanted_from(spec(**query), ("gate", "engineer", "head"), STATES, ENDED)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, Wanted()),
        ({"gate": "shop", "engineer": "ada"}, Wanted("shop", engineer="ada")),
        ({"state": "live"}, Wanted(states=("live",))),
        ({"state": ["live", "queued"]}, Wanted(states=("live", "queued"))),
        ({"open": 1}, Wanted(states=("queued", "testing"))),
        ({"open": 0}, Wanted(states=("live", "reverted"))),
        ({"open": 1, "state": ["live", "queued"]}, Wanted(states=("queued",))),
        ({"open": 1, "state": "live"}, Wanted(states=())),
        ({"id__lt": 9}, Wanted(below=9)),
        ({"id__le": 9, "id__gt": 2}, Wanted(above=2, below=10)),
        ({"id__ge": 2, "id": 5}, Wanted(above=4, below=6)),
        ({"order": "id", "limit": 500, "offset": 3}, Wanted(newest_first=False, limit=500, offset=3)),
        ({"order": "-id", "limit": 0}, Wanted(limit=0)),
    ],
)
def test_what_a_query_asks(query: dict[str, Any], found: Wanted) -> None:
    """Filters by columns with an index, order by arrival, pages by id."""
    assert wanted(**query) == found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"subject": "x"}, "filtered by id, state, open, gate, engineer, head; not by subject"),
        ({"gate__ne": "x"}, "not by gate"),
        ({"gate": ["a", "b"]}, "not by gate"),
        ({"state": "gone"}, "there is no state 'gone'; there are queued, testing, live, reverted"),
        ({"state__ne": "live"}, "not by state"),
        ({"id__ne": 4}, "id can be asked for with"),
        ({"id": [4, 5]}, "id can be asked for with"),
        ({"order": "since"}, "ordered by id or -id, not by since"),
        ({"order": ["id", "gate"]}, "ordered by id or -id"),
        ({"limit": 501}, "limit must lie between 0 and 500, not 501"),
        ({"limit": -1}, "limit must lie between 0 and 500, not -1"),
    ],
)
def test_what_would_read_the_whole_table_is_refused(query: dict[str, Any], said: str) -> None:
    """The sentence names what is allowed."""
    with pytest.raises(InvalidQueryParameter) as caught:
        wanted(**query)
    assert said in caught.value.args[0]


def test_a_page_passes_buildbots_own_post_processing() -> None:
    """Buildbot refuses a list that was cut already if anything is left to do."""
    query = spec(field=["id", "state"], limit=2, offset=1, state="live")
    asked = wanted_from(query, ("gate",), STATES, ENDED)
    rows = [{"id": 2, "state": "live", "gate": "shop"}]
    done = query.apply(page(query, asked, rows, 7))
    assert (list(done), done.total, done.offset, done.limit) == ([{"id": 2, "state": "live"}], 7, 1, 2)
