# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from datetime import UTC, datetime

import pytest

from buildbot_cd.config import parse_master
from buildbot_cd.core.landing.people import Push
from buildbot_cd.engine.settings import policy_of
from buildbot_cd.errors import ConfigError

PAGE = """
trunk: {repository: /srv/git/shop.git}
git: {worker: git-1, author: "Deploy <deploy@example.org>"}
checks: [{builder: lint}]
gate:
  reverts: {per_engineer: 1}
  engineers:
    - {name: Ada, addresses: [Ada@Example.org, ada-l]}
  bots: [web@git.example.org]
  emergency: {people: [ada-l, Carol], preempt: true}
  windows:
    - {days: [fri], start: "18:00", end: "06:00", zone: Europe/Berlin, reason: weekend}
"""


def test_the_gates_settings_reach_its_rules() -> None:
    """Names and addresses are compared in lower case; an engineer may be named by any of their addresses."""
    policy = policy_of(parse_master(PAGE))
    assert (policy.reverts_per_engineer, policy.preempt) == (1, True)
    assert policy.people.called("ADA@example.org") == "Ada"
    assert policy.people.called("web@git.example.org") == "bot:web@git.example.org"
    assert policy.people.may_hurry(Push("a", "b", "ada@example.org"))
    assert policy.people.may_hurry(Push("a", "b", "carol"))
    assert not policy.people.may_hurry(Push("a", "b", "bob"))
    friday_night = datetime(2026, 1, 9, 20, 0, tzinfo=UTC).timestamp()
    assert policy.windows[0].ends(friday_night) == datetime(2026, 1, 10, 5, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Europe/Berlin", "Europe/Atlantis", "gate.windows"),
        ('"18:00"', '"24:00"', "time of day"),
        ("[fri]", "[friday]", "gate.windows"),
        ("addresses: [Ada@Example.org, ada-l]", "addresses: []", "gate.engineers"),
    ],
)
def test_a_wrong_setting_is_told_with_its_place(old: str, new: str, said: str) -> None:
    """The error names the key."""
    with pytest.raises(ConfigError, match=said):
        parse_master(PAGE.replace(old, new))
