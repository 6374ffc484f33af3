# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from buildbot_cd.cli.main import main
from buildbot_cd.core.landing.values import Gate
from buildbot_cd.store import EngineStore, upgrade
from buildbot_cd.store.rows import PlannedTest, TestResult

if TYPE_CHECKING:
    from pathlib import Path

    from buildbot_cd.store import Tx


@pytest.fixture
def db(tmp_path: Path) -> str:
    """A master's database with one finished run: forty tests of ten seconds, and one of a minute."""
    url = f"sqlite:///{tmp_path}/state.sqlite"
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as conn:
        upgrade(conn)

    def fill(tx: Tx) -> None:
        tx.gates.create(Gate("trunk"))
        landing = tx.landings.add("trunk", "a", "b", "ada", "s", "m", 1.0)
        run = tx.runs.create("k", "trunk", landing.id if hasattr(landing, "id") else landing, "gate", "b", 2.0)
        took = {"pytest:t/a.py::long": 60.0, **{f"pytest:t/a.py::t{n}": 10.0 for n in range(40)}}
        tx.runs.plan(run.id, [PlannedTest(nid, one) for nid, one in took.items()], {}, None, 3.0)
        tx.runs.report(run.id, "w1", [TestResult(nid, "passed", one) for nid, one in took.items()], 4.0)
        tx.runs.finish(run.id, 5.0)

    EngineStore(engine).transact_now(fill)
    return url


def test_the_number_of_workers_is_told(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The least one that keeps the budget, and what was tried around it."""
    assert main(["capacity", "--db", db, "--budget", "130s", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["workers"] == 4
    assert told["split"] == []
    assert main(["capacity", "--db", db, "--budget", "130s"]) == 0
    assert "<- enough" in capsys.readouterr().out


def test_a_test_that_stands_in_the_way_is_named(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Under the longest test no number of workers is enough; the answer is no, with what to split."""
    assert main(["capacity", "--db", db, "--budget", "50s", "--most", "30"]) == 1
    out = capsys.readouterr().out
    assert "split t/a.py::long: 60 s; halved, runs gain 30 s" in out
    assert "no number of workers up to 30 is enough" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--gate", "blog"], "gate blog has no finished run"), (["--db", "nosuch://x"], "--db nosuch://x: ")],
)
def test_what_cannot_be_read_is_told(db: str, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    """A gate without runs, and a database that there is not."""
    assert main(["capacity", "--db", db, *words]) == 1
    assert said in capsys.readouterr().err


def test_a_budget_needs_its_unit(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong use ends with 2 and says how a duration is written."""
    with pytest.raises(SystemExit) as ended:
        main(["capacity", "--db", db, "--budget", "12"])
    assert ended.value.code == 2
    assert "unit" in capsys.readouterr().err
