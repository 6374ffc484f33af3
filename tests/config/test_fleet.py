# SPDX-License-Identifier: GPL-2.0-only
from typing import Any

import pytest
import yaml

from buildbot_cd.config import parse_master
from buildbot_cd.config.problems import ConfigErrors
from buildbot_cd.engine.fleet_request import settings_of

COMMANDS = {"status": ["s", "{name}"], "stage": ["t"], "switch": ["w", "{release}"]}


def config(**fleet: Any) -> str:
    """A cd.yaml with this section `fleet`."""
    return yaml.safe_dump(
        {
            "trunk": {"repository": "/srv/git/shop.git"},
            "release": {"worker": "deploy-1"},
            "fleet": {"hosts": ["web-1", "web-2"], **fleet},
            "rollout": [{"stage": "fleet", "hosts": "all"}],
        }
    )


@pytest.mark.parametrize(
    ("fleet", "words"),
    [
        ({"transport": "ssh"}, "fleet.root: should be given"),
        ({"transport": "command"}, "fleet.commands: belong to the transport command, which needs them"),
        ({"transport": "ssh", "root": "/srv", "commands": COMMANDS}, "fleet.commands: belong to the transport command"),
        ({"transport": "command", "commands": COMMANDS, "root": "/srv"}, "fleet.root: belongs to ssh and local"),
        (
            {"transport": "command", "commands": COMMANDS, "drain": {"out": ["a"], "back": ["b"]}},
            "fleet.drain: belongs",
        ),
        ({"transport": "command", "commands": {"status": ["s"], "stage": ["t"]}}, "fleet.commands.switch: is missing"),
        ({"transport": "ssh", "root": "/srv", "drain": {"out": ["a"]}}, "fleet.drain.back: is missing"),
        ({"transport": "ssh", "root": "/srv", "payload": "scp"}, "fleet.payload: should be auto or stream or rsync"),
    ],
)
def test_what_does_not_fit_a_transport_is_told(fleet: dict[str, Any], words: str) -> None:
    """Each key says where it belongs, and what is missing."""
    with pytest.raises(ConfigErrors) as caught:
        parse_master(config(**fleet))
    assert any(words in str(problem) for problem in caught.value.problems)


def test_the_settings_of_a_request_are_those_of_the_file() -> None:
    """All that the fan-out program is to know is in its request, under its own names."""
    drain = {"out": ["lb", "out"], "back": ["lb", "back"]}
    text = config(transport="ssh", root="/srv", drain=drain, timeouts={"payload": "1h"}, ssh={"port": 2222})
    made = parse_master(text).fleet
    assert made is not None
    found = settings_of(made)
    assert (found["drain"], found["undrain"]) == (["lb", "out"], ["lb", "back"])
    assert (found["timeouts"]["copy"], found["ssh"], found["parallel"]["drain"]) == (3600.0, {"port": 2222}, 10)
    other = parse_master(config(transport="command", commands=COMMANDS)).fleet
    assert other is not None
    assert settings_of(other)["commands"] == COMMANDS
    assert "root" not in settings_of(other)


def test_without_a_port_that_of_ssh_config_counts() -> None:
    """A default would override what the worker's own configuration says."""
    made = parse_master(config(transport="ssh", root="/srv")).fleet
    assert made is not None
    assert settings_of(made)["ssh"] == {}
