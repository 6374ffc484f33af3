# SPDX-License-Identifier: GPL-2.0-only
"""Quarantine, and reverts that people call wrong: as orders, as figures, and on the command line."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.cli import main
from buildbot_cd.cli.asking.client import Client
from buildbot_cd.core.landing.moves import Policy
from buildbot_cd.core.landing.values import State
from buildbot_cd.engine.control import order_gate, order_landing
from buildbot_cd.engine.orders import BadOrder, parse
from buildbot_cd.engine.views import Lens, gate_view, landing_view, trust_view
from buildbot_cd.errors import ControlRefused
from tests.engine.test_control import NOW, FakeEngine

if TYPE_CHECKING:
    from buildbot_cd.store import Tx

DAY = 86400.0
FLAKY = {"test": "t::a", "mender": "ada", "reason": "waits for the clock"}
KEPT = {"test": "t::a", "owner": "ada", "reason": "waits for the clock"}
LENS = Lens(Policy(), NOW)


class Master:
    """The data API of a gate in memory, as the command line's client sees it."""

    def __init__(self) -> None:
        self.engine = FakeEngine()

    def act(self, path: str, action: str, **params: Any) -> dict[str, Any]:
        """Order it by the rules of the real master."""
        kind, ident = path.split("/")
        assert "owner" not in params  # by this name Buildbot tells who asks
        wanted = {name: value for name, value in params.items() if value is not None}
        order = parse(kind.removesuffix("s"), action, wanted, "oscar", NOW)
        if kind == "gates":
            asyncio.run(order_gate(self.engine, ident, order))  # type: ignore[arg-type]
            return self.rows(path, "gates")[0]
        asyncio.run(order_landing(self.engine, int(ident), order))  # type: ignore[arg-type]
        return self.rows(path, "landings")[0]

    def rows(self, path: str, _key: str, **_query: object) -> list[dict[str, Any]]:
        """The real views."""
        words = path.split("/")

        def view(tx: Tx) -> Any:
            if words == ["landings"]:
                return []
            if words[0] == "landings":
                return [landing_view(tx, int(words[1]), LENS)]
            return [trust_view(tx, "shop", LENS) if words[-1] == "trust" else gate_view(tx, "shop", LENS)]

        found: list[dict[str, Any]] = self.engine.store.transact_now(view)
        return found

    def gate(self, _name: str | None = None) -> dict[str, Any]:
        """The only one."""
        return self.rows("gates/shop", "gates")[0]

    @property
    def trust(self) -> dict[str, Any]:
        """How far its verdicts can be trusted."""
        return self.rows("gates/shop/trust", "trust")[0]

    def reverted(self, kind: str) -> int:
        """A landing that was taken back; its number."""

        def add(tx: Tx) -> int:
            head = f"h{len(tx.landings.recent('shop', 99))}"
            made = tx.landings.add("shop", "b", head, "ada@example.org", "s", "m", 1.0)
            gone = replace(made, state=State.REVERTED, revert_kind=kind, since=NOW - 10)
            tx.landings.update(gone, "gate", "t::a failed", NOW - 10)
            return made.id

        return self.engine.store.transact_now(add)


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> Master:
    """What every command asks."""
    made = Master()
    monkeypatch.setattr(Client, "of", lambda _given: made)
    return made


def test_a_quarantine_ends_after_two_weeks_unless_told(master: Master) -> None:
    """With who ordered it; an end beyond 30 days is refused, and so is one for nothing."""
    master.act("gates/shop", "quarantine", **FLAKY)
    assert master.trust["quarantines"] == [{**KEPT, "by": "oscar", "at": NOW, "until": NOW + 14 * DAY}]
    with pytest.raises(ControlRefused, match="within 30 days"):
        master.act("gates/shop", "quarantine", **FLAKY, until=NOW + 31 * DAY)
    master.act("gates/shop", "end_quarantine", test="t::a")
    assert master.trust["quarantines"] == []
    with pytest.raises(ControlRefused, match="t::a is not in quarantine"):
        master.act("gates/shop", "end_quarantine", test="t::a")


@pytest.mark.parametrize("lacks", ["test", "mender", "reason"])
def test_a_quarantine_needs_a_test_an_owner_and_a_reason(master: Master, lacks: str) -> None:
    """Also where they are blank, or no text at all."""
    for value in (None, "  ", 7, ["x"]):
        with pytest.raises(BadOrder, match=lacks):
            master.act("gates/shop", "quarantine", **{**FLAKY, lacks: value})
    assert master.trust["quarantines"] == []


def test_the_share_of_wrong_reverts_is_a_figure(master: Master) -> None:
    """Of what the gate judged itself; a second call is refused, and so is one about a withdrawal."""
    first, _, gone = master.reverted("test"), master.reverted("deploy"), master.reverted("withdraw")
    assert (master.trust["reverts"], master.trust["false_revert_rate"]) == (2, 0.0)
    path = f"landings/{first}"
    assert master.rows(path, "landings")[0]["can"] == ["call_wrong"]
    master.act(path, "call_wrong", reason="the test was broken")
    assert (master.trust["wrong_reverts"], master.trust["false_revert_rate"]) == (1, 0.5)
    with pytest.raises(ControlRefused, match="was called wrong before"):
        master.act(path, "call_wrong", reason="again")
    with pytest.raises(ControlRefused, match="nobody judged its change"):
        master.act(f"landings/{gone}", "call_wrong", reason="I was hasty")
    assert master.rows(f"landings/{gone}", "landings")[0]["can"] == []


def test_a_flaky_test_has_a_rate_and_shows_when_it_counts_again(master: Master) -> None:
    """Flakes per run that is known of."""

    def fill(tx: Tx) -> None:
        tx.durations.put("shop", {"t::a": (200.0, 1.0, 0.0)})
        tx.trust.flaked("shop", "t::a", 1, NOW - 5)

    master.engine.store.transact_now(fill)
    master.act("gates/shop", "quarantine", **FLAKY, until=NOW + DAY)
    (one,) = master.trust["flakes"]
    assert (one["test"], one["flakes"], one["rate"], one["quarantined_until"]) == ("t::a", 1, 0.005, NOW + DAY)


def test_the_commands_order_and_show_it(master: Master, capsys: pytest.CaptureFixture[str]) -> None:
    """Names are data: what a terminal would obey is escaped."""
    landing = master.reverted("test")
    assert main.main(["quarantine"]) == 0
    assert "no test is in quarantine" in capsys.readouterr().out
    assert main.main(["quarantine", "t::\x1b[2J", "--owner", "ada", "--reason", "waits for the clock"]) == 0
    said = capsys.readouterr().out
    assert "t::\\x1b[2J" in said
    assert "waits for the clock" in said
    assert main.main(["quarantine", "t::a"]) == 1
    assert "needs --owner" in capsys.readouterr().err
    assert main.main(["wrong", str(landing), "--reason", "the test was broken"]) == 0
    assert main.main(["status"]) == 0
    said = capsys.readouterr().out
    assert "1 taken back in 30 days, 1 of them wrongly (100.0%)" in said
    assert "0 flaky tests, 1 in quarantine" in said
    assert main.main(["quarantine", "t::\x1b[2J", "--end", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quarantines"] == []
