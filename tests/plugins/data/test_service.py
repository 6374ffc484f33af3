# SPDX-License-Identifier: GPL-2.0-only
"""Our resources in Buildbot's own data connector; the private part of Buildbot that this needs is as it is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from buildbot.data.connector import DataConnector
from buildbot.data.exceptions import InvalidPathError
from buildbot.www.authz import Forbidden
from twisted.internet import defer
from twisted.python import log

from buildbot_cd.errors import ConfigError
from buildbot_cd.plugins.data import base, entities, resources
from buildbot_cd.plugins.data.service import register


@pytest.fixture
def master() -> Any:
    """A master with Buildbot's real data connector, and a web service that refuses everybody but Oscar."""

    def ask(request: Any, _path: Any, _action: str, _options: Any) -> defer.Deferred[None]:
        return defer.succeed(None) if request == "oscar" else defer.fail(Forbidden(b"you need a role"))

    data = DataConnector()
    users = SimpleNamespace(assertUserAllowed=ask, getUserInfos=lambda request: {"username": request})
    made = SimpleNamespace(data=data, www=users)
    data.parent = SimpleNamespace(master=made)
    data._setup()
    return made


def test_all_addresses_are_there_and_registering_twice_does_no_harm(master: Any) -> None:
    """Each resource type by its name, each address by its path, and the web service wrapped once."""
    register(master)
    wrapped = master.www.assertUserAllowed
    register(master)
    assert master.www.assertUserAllowed is wrapped
    for name in resources.__all__:
        kind = getattr(resources, name)
        assert type(master.data.getResourceType(kind.name)) is kind
    endpoint, found = master.data.getEndpoint(("cd", "landings", "7", "transitions"))
    assert (type(endpoint).__name__, found) == ("TransitionsEndpoint", {"id": 7})
    assert master.data.getEndpoint(("cd", "gates", "1.x-y"))[1] == {"gate": "1.x-y"}
    with pytest.raises(InvalidPathError):
        master.data.getEndpoint(("cd", "landings", "seven"))
    spec = {one["path"]: one["plural"] for one in master.data.allEndpoints()}
    assert spec["cd/rollouts/n:id/hosts"] == "fleet"
    assert ({"name": "cd/landings"} in master.data.rootLinks) is not entities.GRAPHQL


@pytest.mark.parametrize(
    ("path", "action", "written"),
    [
        (("cd", "gates", "shop"), "freeze", True),
        (("cd", "gates", "shop"), "GET", False),
        (("builds", "1"), "stop", False),
    ],
)
def test_refusals_of_our_actions_are_written_into_the_log(
    master: Any, path: tuple[str, ...], action: str, written: bool
) -> None:
    """Ours only; the caller is refused all the same, and who is allowed is not written about."""
    register(master)
    seen: list[str] = []

    def watch(event: dict[str, Any]) -> None:
        seen.append(" ".join(str(part) for part in event["message"]))

    log.addObserver(watch)
    try:
        refused = master.www.assertUserAllowed("eve", path, action, {})
        assert refused.result.check(Forbidden)
        refused.addErrback(lambda _failure: None)
        assert master.www.assertUserAllowed("oscar", path, action, {}).result is None
    finally:
        log.removeObserver(watch)
    assert [line for line in seen if "refused" in line] == (
        ["buildbot_cd: refused: 'freeze' on 'cd/gates/shop' by 'eve': you need a role"] if written else []
    )


@pytest.mark.parametrize("ready", [None, False])
def test_a_master_whose_engine_is_away_has_no_such_address(
    master: Any, ready: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an engine, or while it starts, the answer is 404 with a sentence, not an error of the server."""

    def engine_of(_master: Any) -> Any:
        if ready is None:
            raise ConfigError("this master has no continuous deployment")
        return SimpleNamespace(ready=ready)

    monkeypatch.setattr(base, "engine_of", engine_of)
    register(master)
    endpoint, found = master.data.getEndpoint(("cd", "gates"))
    answer = endpoint.get(None, found)
    failure = answer.result
    answer.addErrback(lambda _failure: None)
    assert failure.check(InvalidPathError)
    assert ("no continuous deployment" if ready is None else "is still starting") in str(failure.value)
