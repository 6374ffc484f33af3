# SPDX-License-Identifier: GPL-2.0-only
"""What ``buildbot-cd incidents`` shows of those that are overdue."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from buildbot_cd.cli.asking.client import Client
from buildbot_cd.cli.commands import incidents

DAY = 86_400.0


def incident(ident: int, *, due: float, is_open: bool = True) -> dict[str, Any]:
    """A row as the data API gives it at the moment 100 days."""
    return {
        "id": ident,
        "cause": "revert",
        "state": "open" if is_open else "closed",
        "open": is_open,
        "overdue": is_open and due < 100 * DAY,
        "opened_at": due - 7 * DAY,
        "due_at": due,
        "subject": f"tests/test_{ident}.py::test",
        "obstacle": "No test is named." if is_open else "",
    }


class Master:
    """Answers as a master does: those that are asked for, newest first, as many as are asked for."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.kept = sorted(rows, key=lambda one: -int(one["id"]))

    def gate(self, _name: str | None) -> dict[str, Any]:
        """The only one."""
        return {"name": "trunk", "now": 100 * DAY}

    def rows(self, _path: str, _key: str, *, gate: str, limit: int, **query: int) -> list[dict[str, Any]]:
        """The incidents."""
        assert gate == "trunk"
        return [one for one in self.kept if not query or one["open"]][:limit]


def run(monkeypatch: pytest.MonkeyPatch, master: Master, *, everything: bool = False) -> int:
    """The exit status."""
    monkeypatch.setattr(Client, "of", lambda _given: master)
    return incidents.run(argparse.Namespace(gate=None, all=everything, json=False))


def test_overdue_ones_come_first_and_are_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script that looks each morning learns of them; the table says which, and what each of them lacks."""
    master = Master(incident(1, due=99 * DAY), incident(2, due=102 * DAY), incident(3, due=90 * DAY, is_open=False))
    assert run(monkeypatch, master) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:3] == ["1", "revert", "overdue"]
    assert "No test is named." in lines[1]
    assert "in 2d" in lines[2]
    assert len(lines) == 3
    assert run(monkeypatch, Master(incident(2, due=102 * DAY))) == 0


def test_an_overdue_one_is_not_hidden_behind_many_that_have_closed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked for all, the newest fifty are shown, and every open one beside them, each once."""
    closed = [incident(ident, due=90 * DAY, is_open=False) for ident in range(10, 80)]
    assert (
        run(monkeypatch, Master(incident(1, due=99 * DAY), incident(90, due=103 * DAY), *closed), everything=True) == 1
    )
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines][:2] == ["1", "90"]
    assert len(lines) == 51
