# SPDX-License-Identifier: GPL-2.0-only
"""What Buildbot 4.2 and 4.3 want written differently."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from buildbot.data import base, types
from buildbot.data.connector import DataConnector

from buildbot_cd.plugins.data import entities, resources

KINDS = [getattr(resources, name) for name in resources.__all__]


class Fields(types.Entity):
    """An entity that tells how it was made."""

    gate = types.String()

    def __init__(self, name: str, graphql_name: str | None = None) -> None:
        self.names = (name, graphql_name)


@pytest.mark.parametrize(("two", "names"), [(True, ("cd_big_gate", "CdBigGate")), (False, ("cd_big_gate", None))])
def test_an_entity_gets_the_names_that_buildbot_takes(
    monkeypatch: pytest.MonkeyPatch, two: bool, names: tuple[str, str | None]
) -> None:
    """Buildbot 4.2 wants the name in GraphQL as well, which is the name in capitals; 4.3 takes one name."""
    monkeypatch.setattr(entities, "GRAPHQL", two)
    made: Any = entities.entity(Fields, "cd_big_gate")
    assert made.names == names


@pytest.mark.parametrize(("text", "written"), [(True, "/cd/a\n/cd/b"), (False, ["/cd/a", "/cd/b"])])
def test_addresses_are_a_text_or_a_list(monkeypatch: pytest.MonkeyPatch, text: bool, written: list[str] | str) -> None:
    """An endpoint that is defined with a list of addresses has them as this Buildbot reads them."""
    monkeypatch.setattr(entities, "ONE_TEXT", text)

    class Some(entities.Addressed):
        pathPatterns = ["/cd/a", "/cd/b"]

    assert Some.pathPatterns == written


@pytest.mark.parametrize(("graphql", "link"), [(True, None), (False, "cd/b")])
def test_a_root_link_is_left_out_where_graphql_would_trip_over_it(
    monkeypatch: pytest.MonkeyPatch, graphql: bool, link: str | None
) -> None:
    """Buildbot 4.2 looks each root link up as one word; a master with GraphQL would not start."""
    monkeypatch.setattr(entities, "GRAPHQL", graphql)

    class Some(entities.Addressed):
        pathPatterns = ["/cd/b"]
        rootLinkName = "cd/b"

    assert Some.rootLinkName == link


@pytest.mark.parametrize("kind", KINDS)
def test_every_resource_is_written_for_this_buildbot(kind: type[base.ResourceType]) -> None:
    """All endpoints have addresses in the form of this Buildbot, and all entities the fields of their class."""
    for endpoint in kind.endpoints:
        assert type(endpoint.pathPatterns) is type(base.Endpoint.pathPatterns)
        assert endpoint.pathPatterns
    entity: Any = kind.entityType
    assert entity.name == kind.name
    assert entity.fieldNames


def test_this_buildbot_takes_all_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buildbot's own connector finds every address after it has read our module."""
    monkeypatch.setattr(DataConnector, "submodules", [])
    monkeypatch.setattr(DataConnector, "master", None)
    connector: Any = DataConnector()
    connector._setup()
    connector._scanModule(resources)
    texts = [endpoint.pathPatterns for kind in KINDS for endpoint in kind.endpoints]
    for text in texts:
        for address in text.split() if isinstance(text, str) else text:
            path = tuple("7" if ":" in part else part for part in address.split("/")[1:])
            assert connector.getEndpoint(path)[0].rtype.entityType.fieldNames


def test_no_resource_makes_its_entity_past_the_one_place() -> None:
    """Buildbot 4.3 would take it, and a master on 4.2 would not start."""
    folder = Path(entities.__file__).parent
    assert [file.name for file in sorted(folder.glob("*.py")) if "= EntityType(" in file.read_text("utf-8")] == []
