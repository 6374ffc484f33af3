# SPDX-License-Identifier: GPL-2.0-only
"""The reference of the data API names what there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import buildbot_cd
from buildbot_cd.engine.orders import ACTIONS
from buildbot_cd.engine.views.hosts import COLUMNS, MARKS
from buildbot_cd.plugins.data import resources

PAGE = (Path(buildbot_cd.__file__).parents[1] / "docs/reference/data-api.md").read_text("utf-8")
KINDS = [getattr(resources, name) for name in resources.__all__]
SECTION = {
    "cd_gate": "Gates",
    "cd_landing": "Landings",
    "cd_transition": "Transitions",
    "cd_effect": "Effects",
    "cd_run": "Runs",
    "cd_test": "Tests",
    "cd_rollout": "Rollouts",
    "cd_fleet": "Hosts",
    "cd_verdict": "Verdicts",
    "cd_history": "History",
    "cd_incident": "Incidents",
    "cd_sample": "Samples",
    "cd_pusher": "Pushers",
    "cd_trust": "Trust",
    "cd_escape": "Escapes",
    "cd_proposal": "Proposals",
    "cd_suite": "Suite",
    "cd_learnt": "Learnt",
    "cd_capacity": "Capacity",
}
PLACE = {"gates/s:gate": "gates/<gate>", "s:who": "<who>", "n:id": "<id>"}


def section(heading: str) -> str:
    """The text under a heading of the page."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def patterns(endpoint: Any) -> list[str]:
    """An endpoint's addresses: one text on Buildbot 4.2, a list on 4.3."""
    told = endpoint.pathPatterns
    return told.split() if isinstance(told, str) else list(told)


def addresses() -> set[str]:
    """All addresses of all endpoints, as the page writes them."""
    found = set()
    for kind in KINDS:
        for endpoint in kind.endpoints:
            for pattern in patterns(endpoint):
                text = pattern.removeprefix("/")
                for old, new in PLACE.items():
                    text = text.replace(old, new)
                found.add(text)
    return found


def test_every_address_is_in_the_table_and_no_other() -> None:
    """The table at the top is the list of endpoints, each under the key that its answer has."""
    table = PAGE[: PAGE.index("## Reading")]
    told = re.findall(r"^\| \[?`(cd/[^`]+)`", table, re.MULTILINE)
    assert sorted(told) == sorted(addresses())
    keys = dict(re.findall(r"^\| \[?`(cd/[^`]+)`[^|]*\| `([^`]+)`", table, re.MULTILINE))
    for kind in KINDS:
        for endpoint in kind.endpoints:
            path = patterns(endpoint)[0].removeprefix("/")
            for old, new in PLACE.items():
                path = path.replace(old, new)
            assert keys[path] == kind.plural, path


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_field_is_in_its_table_and_no_other(kind: Any) -> None:
    """The first table of each section has each field of the answer, with a type and a meaning where it needs one."""
    text = section(SECTION[kind.name])
    table = text[text.index("| field |") :].split("\n\n")[0]
    told = [
        name for cell in re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    ]
    assert sorted(told) == sorted(kind.entityType.fieldNames)


def test_every_action_is_in_its_table_with_its_parameters() -> None:
    """Kind of object, action, and what it takes: needed ones plain, others with a question mark."""
    text = section("Acting")
    rows = re.findall(r"^\|([^|]*)\| `(\w+)` \|([^|]*)\|", text, re.MULTILINE)
    kinds = {"`cd/gates/<gate>`": "gate", "`cd/landings/<id>`": "landing", "`cd/rollouts/<id>`": "rollout"}
    kinds["`cd/incidents/<id>`"] = "incident"
    told: dict[str, dict[str, str]] = {}
    kind = ""
    for address, action, params in rows:
        kind = kinds.get(address.strip(), kind)
        told.setdefault(kind, {})[action] = params.strip()
    assert {kind: set(actions) for kind, actions in told.items()} == {k: set(v) for k, v in ACTIONS.items()}
    for name, actions in ACTIONS.items():
        for action, takes in actions.items():
            cell = told[name][action]
            assert ("`reason`" in cell and "`reason`?" not in cell) == takes.reason, action
            assert ("`until`?" in cell) == takes.until, action
            assert ("`min_priority`?" in cell) == takes.min_priority, action
            assert [name for name in takes.more if f"`{name}`" not in cell] == [], action


def test_columns_and_marks_of_hosts_are_told() -> None:
    """Rows are lists: who reads them needs the order."""
    text = section("Hosts")
    assert ", ".join(f"`{name}`" for name in COLUMNS) in text
    assert [name for name in MARKS if f"`{name}`" not in text] == []


def test_every_event_is_told() -> None:
    """Each key that the engine produces has its line."""
    source = (Path(buildbot_cd.__file__).parent / "engine/events.py").read_text("utf-8")
    made = set(re.findall(r'\("cd", "(\w+)", [^,]+(?:\([^)]*\))?, "(\w+)"\)', source))
    assert made >= {("gates", "moved"), ("runs", "updated"), ("rollouts", "hosts"), ("rollouts", "verdict")}
    text = section("Events")
    for kind, what in made:
        assert re.search(rf"^\| `cd/{kind}/<\w+>/{what}` \|", text, re.MULTILINE), (kind, what)
