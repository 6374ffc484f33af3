# SPDX-License-Identifier: GPL-2.0-only
"""Our control calls are closed unless somebody opened them; asked of Buildbot's own Authz."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from buildbot.www.authz import Authz, Forbidden
from buildbot.www.authz.endpointmatchers import AnyControlEndpointMatcher, ForceBuildEndpointMatcher
from buildbot.www.authz.roles import RolesFromOwner, RolesFromUsername
from twisted.internet import defer

from buildbot_cd.core.landing.values import Gate
from buildbot_cd.engine import lookup
from buildbot_cd.engine.orders import ACTIONS
from buildbot_cd.errors import ConfigError
from buildbot_cd.plugins import authz as matchers
from buildbot_cd.plugins.data.permission import require, said
from buildbot_cd.store import MemoryStore

LOCAL = "tcp:8010:interface=127.0.0.1"
GATE = ("cd", "gates", "shop")
LANDING = ("cd", "landings", "1")
OSCAR = {"username": "oscar", "email": "oscar@example.org"}
EVE = {"username": "eve", "email": "eve@example.org"}
ADA = {"username": "ada", "email": "ada@example.org"}


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """The engine's store, with a landing of Ada's and its rollout."""
    made = MemoryStore()
    made.transact_now(lambda tx: tx.gates.create(Gate("shop")))
    made.transact_now(lambda tx: tx.landings.add("shop", "b", "h", "ada@example.org", "s", "m", 1.0))
    made.transact_now(lambda tx: tx.rollouts.create("k", "shop", 1, "r1", "h", 1, {}, 1.0))
    monkeypatch.setattr(matchers, "engine_of", lambda _master: SimpleNamespace(store=made))
    assert matchers.engine_of is not lookup.engine_of
    return made


def master_with(*rules: Any, port: Any = LOCAL, url: str = "http://localhost:8010/") -> Any:
    """A master with these rules; Oscar is an operator, and a landing's engineer is its owner."""
    data = SimpleNamespace(getEndpoint=lambda _path: (SimpleNamespace(), {}))
    roles = [RolesFromUsername(roles=["operator"], usernames=["oscar"]), RolesFromOwner(role="owner")]
    made = SimpleNamespace(
        config=SimpleNamespace(www={"port": port}, buildbotURL=url),
        data=data,
        www=SimpleNamespace(authz=Authz(allowRules=list(rules), roleMatchers=roles)),
    )
    made.www.authz.setMaster(made)
    return made


def asked(master: Any, user: dict[str, str], path: tuple[str, ...] = GATE, action: str = "freeze") -> str:
    """What the caller is told, as Buildbot and we decide together: empty if the call may be made."""

    async def ask() -> None:
        allowed: defer.Deferred[None] = master.www.authz.assertUserAllowed(
            path, action, {}, user or {"anonymous": True}
        )
        await allowed.asFuture(asyncio.get_running_loop())
        await require(master, path, action, {}, user.get("email") or "anonymous")

    try:
        asyncio.run(ask())
    except Forbidden as error:
        return said(error)
    return ""


def test_without_rules_this_machine_may_and_nobody_else() -> None:
    """The same call, by where the master listens."""
    assert asked(master_with(), {}) == ""
    assert "has no authorisation, and it listens on 8010" in asked(master_with(port=8010), {})
    assert "buildbotURL" in asked(master_with(url="https://ci.example.org/"), {})


def test_rules_that_do_not_speak_of_us_open_nothing() -> None:
    """Buildbot would let everybody through; we do not, wherever it listens."""
    master = master_with(ForceBuildEndpointMatcher(role="operator"))
    assert asked(master, {}) == "freeze on cd/gates/shop needs a signed-in user"
    assert "no rule of c['www']['authz'] decides about it" in asked(master, OSCAR)


@pytest.mark.parametrize(
    "rule", [matchers.GateEndpointMatcher, matchers.ControlEndpointMatcher, AnyControlEndpointMatcher]
)
def test_a_rule_lets_its_role_through(rule: Any) -> None:
    """Ours, and Buildbot's own for every control call."""
    master = master_with(rule(role="operator"))
    assert asked(master, OSCAR) == ""
    assert asked(master, EVE) == "you need to have role 'operator'"
    assert asked(master, {}) == "you need to have role 'operator'"


def test_a_rule_that_does_not_deny_decides_nothing() -> None:
    """With ``defaultDeny=False`` alone Buildbot lets everybody through; somebody has to deny."""
    soft = matchers.GateEndpointMatcher(role="operator", defaultDeny=False)
    assert "no rule" in asked(master_with(soft), EVE)
    assert "no rule" in asked(master_with(soft), OSCAR)
    both = master_with(soft, matchers.GateEndpointMatcher(role="admin"))
    assert asked(both, OSCAR) == ""
    assert asked(both, EVE) == "you need to have role 'admin'"


@pytest.mark.parametrize(("path", "action"), [(LANDING, "withdraw"), (("cd", "rollouts", "1"), "roll_back")])
def test_an_engineer_is_the_owner_of_the_landing(path: tuple[str, ...], action: str) -> None:
    """Ada may take back what is hers; Eve may not; the operator may by the rule behind."""
    master = master_with(
        matchers.LandingEndpointMatcher(role="owner", actions=["withdraw"], defaultDeny=False),
        matchers.RolloutEndpointMatcher(role="owner", defaultDeny=False),
        matchers.ControlEndpointMatcher(role="operator"),
    )
    assert asked(master, ADA, path, action) == ""
    assert asked(master, EVE, path, action) == "you need to have role 'operator'"
    assert asked(master, OSCAR, path, action) == ""
    assert asked(master, ADA, GATE) == "you need to have role 'operator'"
    assert asked(master, ADA, LANDING, "hold") == "you need to have role 'operator'"


def test_a_rule_about_other_gates_does_not_speak_of_this_one() -> None:
    """Patterns are matched as Authz is told to; a landing belongs to its gate."""
    rule = matchers.ControlEndpointMatcher(role="operator", gate="sh*")
    assert asked(master_with(rule), OSCAR) == ""
    assert asked(master_with(rule), OSCAR, LANDING, "hold") == ""
    other = matchers.ControlEndpointMatcher(role="operator", gate="blog")
    assert "no rule" in asked(master_with(other), OSCAR)
    assert "no rule" in asked(master_with(other), OSCAR, LANDING, "hold")


@pytest.mark.parametrize("kind", ["gates", "landings", "rollouts"])
def test_reading_is_not_the_matchers_affair(kind: str) -> None:
    """Whoever wants to restrict reading uses Buildbot's own matcher."""
    rule = matchers.ControlEndpointMatcher(role="operator")
    master = master_with(rule)
    allowed: Any = master.www.authz.assertUserAllowed(("cd", kind, "1"), "GET", {}, {"anonymous": True})
    assert allowed.result is None


def test_an_action_that_there_is_not_is_an_error_at_the_start() -> None:
    """A rule with a slip would protect nothing."""
    with pytest.raises(ConfigError, match="there is no action 'freze'; there are adopt, drain"):
        matchers.GateEndpointMatcher(role="operator", actions=["freze"])


@pytest.mark.parametrize(
    ("path", "action"),
    [
        (("cd", f"{kind}s", "shop" if kind == "gate" else "1"), action)
        for kind, actions in ACTIONS.items()
        for action in actions
    ],
)
def test_every_action_is_closed_to_those_who_lack_the_role(path: tuple[str, ...], action: str) -> None:
    """Whoever is not signed in, and whoever has another role, is told that it is forbidden; the operator is not."""
    master = master_with(matchers.ControlEndpointMatcher(role="operator"))
    assert asked(master, {}, path, action) != ""
    assert asked(master, EVE, path, action) != ""
    assert asked(master, OSCAR, path, action) == ""
