# SPDX-License-Identifier: GPL-2.0-only
"""What the caller may do is told before anything is tried, by the rules that decide about the call itself."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from buildbot.www.authz import Authz
from buildbot.www.authz.roles import RolesFromOwner, RolesFromUsername

from buildbot_cd.core.landing.values import Gate
from buildbot_cd.engine.orders import ACTIONS
from buildbot_cd.plugins import authz as matchers
from buildbot_cd.plugins.data import may
from buildbot_cd.plugins.data.may import permissions
from buildbot_cd.store import MemoryStore

GATE, LANDING = "cd/gates/shop", "cd/landings/1"


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Oscar is an operator, and Ada may hold what is hers."""
    store = MemoryStore()
    store.transact_now(lambda tx: tx.gates.create(Gate("shop")))
    store.transact_now(lambda tx: tx.landings.add("shop", "b", "h", "ada@example.org", "s", "m", 1.0))
    monkeypatch.setattr(matchers, "engine_of", lambda _master: SimpleNamespace(store=store))
    rules = [
        matchers.LandingEndpointMatcher(role="owner", actions=["hold"], defaultDeny=False),
        matchers.ControlEndpointMatcher(role="operator"),
    ]
    roles = [RolesFromUsername(roles=["operator"], usernames=["oscar"]), RolesFromOwner(role="owner")]
    config = SimpleNamespace(www={"port": "tcp:8010:interface=127.0.0.1"}, buildbotURL="http://localhost:8010/")
    made = SimpleNamespace(config=config, www=SimpleNamespace(authz=Authz(allowRules=rules, roleMatchers=roles)))
    made.www.authz.setMaster(made)
    return made


def told(master: Any, user: dict[str, Any], *addresses: str) -> dict[str, Any]:
    """What this user is told."""

    async def ask() -> dict[str, Any]:
        # Twisted's Deferreds that have fired already are awaited without a reactor.
        return await permissions(master, user, list(addresses))

    return asyncio.run(ask())


def test_each_action_has_its_own_answer(master: Any) -> None:
    """Ada may hold her landing and nothing else; Oscar may everything; who is not signed in nothing."""
    ada = told(master, {"username": "ada", "email": "ada@example.org"}, GATE, LANDING)
    assert ada["user"] == "ada@example.org"
    assert set(ada["may"][LANDING]) == set(ACTIONS["landing"])
    no = "you need to have role 'operator'"
    assert {name: why for name, why in ada["may"][LANDING].items() if why != no} == {"hold": ""}
    assert set(ada["may"][GATE].values()) == {no}
    oscar = told(master, {"username": "oscar", "email": "oscar@example.org"}, GATE, LANDING)
    assert {why for one in oscar["may"].values() for why in one.values()} == {""}
    nobody = told(master, {"anonymous": True}, GATE)
    assert (nobody["user"], set(nobody["may"][GATE].values())) == ("anonymous", {no})


def test_addresses_that_are_not_ours_are_left_out(master: Any) -> None:
    """Nothing is learnt about Buildbot's own calls."""
    assert told(master, {}, "builds/1", "cd/gates", "cd/nothing/1", "", "cd/landings/1/x")["may"] == {}


def test_the_page_answers_in_json_for_the_caller_s_session(master: Any) -> None:
    """Not kept by anybody on the way; at most fifty objects are looked at."""
    master.www.getUserInfos = lambda request: request.user
    request = Request({"username": "oscar"}, [GATE.encode(), *[b"cd/landings/1"] * may.MOST])
    may.May(master).render_GET(request)
    assert request.headers[b"cache-control"] == b"no-store"
    assert request.done
    assert request.body.startswith(b'{"user": "oscar", "may": {"cd/gates/shop": {"freeze": ""')


class Request:
    """The part of Twisted's request that the page uses."""

    def __init__(self, user: dict[str, Any], of: list[bytes]) -> None:
        self.user, self.args = user, {b"of": of}
        self.headers: dict[bytes, bytes] = {}
        self.body, self.done = b"", False

    def setHeader(self, name: bytes, value: bytes) -> None:
        """Keep it."""
        self.headers[name] = value

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.body += data

    def finish(self) -> None:
        """The answer is whole."""
        self.done = True
