# SPDX-License-Identifier: GPL-2.0-only
"""What the gate's scheduler believes of a change that a hook reported."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from buildbot.process.properties import Properties

from buildbot_cd.core.landing.people import Push
from buildbot_cd.plugins.schedulers.gate import hooks_are_closed, told_by

BASE, HEAD = "a" * 40, "b" * 40


def change(**properties: Any) -> Any:
    """A change as Buildbot hands it to a scheduler."""
    found = Properties()
    for name, value in properties.items():
        found.setProperty(name, value, "Change")
    return SimpleNamespace(revision=HEAD, properties=found, number=1)


def test_a_push_carries_its_identity_and_its_options() -> None:
    """What `buildbot-cd hook post-receive` sends is what the rules are told."""
    told = change(cd_base=BASE, cd_pusher="Ruth@example.org", cd_push_options=["cd.emergency=INC-7=8", "ci.skip"])
    assert told_by(told) == Push(BASE, HEAD, "ruth@example.org", {"cd.emergency": "INC-7=8", "ci.skip": ""})


@pytest.mark.parametrize(
    "properties",
    [{}, {"cd_pusher": "ruth"}, {"cd_pusher": "", "cd_base": BASE}, {"cd_pusher": ["ruth"], "cd_base": BASE}],
)
def test_a_change_from_anywhere_else_says_nothing_of_who_pushed(properties: dict[str, Any]) -> None:
    """A poller's change, or one that is not whole, only means that there is something to see."""
    assert told_by(change(**properties)) is None


def test_odd_options_are_left_out() -> None:
    """A hook of somebody's own may send anything."""
    told = told_by(change(cd_base=BASE, cd_pusher="ruth", cd_push_options=[1, None, "x=1"]))
    assert told is not None
    assert told.options == {"x": "1"}


@pytest.mark.parametrize(
    ("www", "closed"),
    [
        ({"port": "tcp:8010:interface=127.0.0.1"}, True),
        ({"port": 8010}, False),
        ({"port": 8010, "change_hook_auth": [object()]}, True),
    ],
)
def test_identity_counts_only_where_nobody_else_can_report(www: dict[str, Any], closed: bool) -> None:
    """An open hook may tell that trunk moved, never who moved it."""
    config = SimpleNamespace(www=www, buildbotURL="http://localhost:8010/")
    assert hooks_are_closed(config) is closed
