# SPDX-License-Identifier: GPL-2.0-only
"""A shard over the real queue, with a runner that the test plays and a clock that it turns."""
# ruff: noqa: D102 - what the double stands in for is told by the step

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from buildbot.process.buildstep import create_step_from_step_or_factory
from twisted.internet import defer, task

from buildbot_cd.engine.testruns import TestRuns
from buildbot_cd.plugins.steps.run_tests import RunTests
from buildbot_cd.store import MemoryStore
from buildbot_cd.store.rows import PlannedTest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

A, B, C = (f"pytest:t.py::{one}" for one in "abc")
D = "pytest:t.py::d"
BUILD = 7


class Shard(RunTests):
    """The step without a master and a worker."""

    properties: ClassVar[dict[str, Any]] = {}
    workername = "w1"  # type: ignore[assignment]

    def __init__(self, yard: Yard) -> None:
        super().__init__()
        self.yard = yard
        self.build = SimpleNamespace(buildid=BUILD)  # type: ignore[assignment]

    @property
    def engine(self) -> Any:
        return self.yard.engine

    @property
    def buildmaster(self) -> Any:
        return SimpleNamespace(reactor=self.yard.clock)

    def getProperty(self, name: str, default: Any = None) -> Any:
        return self.yard.properties.get(name, default)

    def setProperty(self, name: str, value: Any, source: str = "") -> None:
        self.yard.properties[name] = value

    def updateSummary(self) -> None:
        """Nobody looks."""

    async def send(self, text: str, destination: str) -> None:
        """Nothing is sent."""

    async def lines(self, argv: Sequence[str], into: list[str], *, log: str = "git") -> int | None:
        """Nothing is called."""
        return 0

    async def warm_up(self, files: Sequence[str]) -> bool:
        self.yard.starts.append(tuple(files))
        return self.yard.can_warm

    async def warm_chunk(
        self,
        chunk: Sequence[PlannedTest],
        found: Callable[[dict[str, Any]], None],
        ahead: float = 0.0,
        under_way: Collection[str] = (),
    ) -> int | None:
        self.yard.chunks.append([one.nid for one in chunk])
        self.yard.under_way.append(sorted(under_way))
        self.yard.aheads.append(ahead)
        return await self.yard.runner([one.nid for one in chunk], found)

    async def pytest(self, verb: str, found: Callable[[dict[str, Any]], None], *args: str) -> int | None:
        self.yard.fresh += 1
        return await self.yard.runner([], found)

    async def foreign(
        self, verb: str, tests: Any, found: Callable[[dict[str, Any]], None], nids: Sequence[str] = ()
    ) -> int | None:
        self.yard.chunks.append([tests.runner, verb, *nids])
        return await self.yard.runner(nids, found)

    async def map_text(self) -> str:
        return "tests: {runner: phpunit}"

    async def cool(self) -> None:
        self.yard.cooled = True


class Yard:
    """A run with tests a to d, and what became of it."""

    def __init__(self, *nids: str, seconds: float = 0.1) -> None:
        self.clock = task.Clock()
        self.store = MemoryStore()
        tests = TestRuns(self.store, "trunk", lambda: 1, self.clock.seconds, lambda _run: None)
        self.engine = SimpleNamespace(
            tests=tests, now=self.clock.seconds, pause=self.pause, builds=SimpleNamespace(at_work=self.at_work)
        )
        self.run = self.store.transact_now(lambda tx: tx.runs.create("r", "trunk", None, "gate", "abc", 0.0)).id
        planned = [PlannedTest(nid, seconds, 4 - rank) for rank, nid in enumerate(nids or (A, B, C, D))]
        self.store.transact_now(lambda tx: tx.runs.plan(self.run, planned, {}, None, 0.0))
        self.properties: dict[str, Any] = {"cd_run": self.run, "buildername": "cd-test"}
        self.starts: list[tuple[str, ...]] = []
        self.chunks: list[list[str]] = []
        self.aheads: list[float] = []
        self.under_way: list[list[str]] = []
        self.fresh, self.cooled, self.can_warm = 0, False, True
        self.runner: Any = self.good

    async def at_work(self, builder: str) -> dict[str, int]:
        """This build alone is at work."""
        assert builder == "cd-test"
        return {"w1": BUILD}

    async def files(self, run: int) -> tuple[str, ...]:
        """A pytest stays, however few tests there are."""
        return ("t.py",)

    async def pause(self, seconds: float) -> None:
        """Time goes by."""
        self.clock.advance(seconds)

    async def good(self, nids: Sequence[str], found: Callable[[dict[str, Any]], None]) -> int:
        """Every test passes."""
        for nid in nids:
            found({"event": "start", "nid": nid})
            found({"event": "result", "nid": nid, "outcome": "passed", "seconds": 0.1})
        self.clock.advance(0)
        found({"event": "end", "exit": 0, "count": len(nids)})
        return 0

    def worked(self) -> list[Any]:
        """Let the shard work; its result, or nothing yet."""
        done: list[Any] = []
        step: Any = create_step_from_step_or_factory(Shard(self))
        defer.ensureDeferred(step.work()).addBoth(done.append)
        return done

    @property
    def outcomes(self) -> dict[str, str | None]:
        """By test."""
        return {one.nid[-1]: one.outcome for one in self.store.transact_now(lambda tx: tx.runs.tests(self.run))}


@pytest.fixture
def yard() -> Yard:
    """A run that nobody works on."""
    return Yard()


def test_a_shard_works_until_nothing_is_left(yard: Yard) -> None:
    """Warmed up once before its first claim, then chunk after chunk, cooled at the end."""
    assert yard.worked() == [0]
    assert yard.starts == [("t.py",)]
    assert set(yard.outcomes.values()) == {"passed"}
    assert yard.cooled


def test_a_runner_that_dies_is_started_anew(yard: Yard) -> None:
    """The test it died in runs alone; all others run, and a second death makes that test an error."""

    async def dies_in_b(nids: Sequence[str], found: Callable[[dict[str, Any]], None]) -> int:
        if B not in nids:
            return await yard.good(nids, found)
        await yard.good([nid for nid in nids if nid < B], lambda event: event["event"] != "end" and found(event))
        found({"event": "start", "nid": B})
        found({"event": "died"})
        return 3

    yard.runner = dies_in_b
    assert yard.worked() == [0]
    assert yard.outcomes == {"a": "passed", "b": "error", "c": "passed", "d": "passed"}
    assert [B] in yard.chunks
    assert len(yard.starts) == 3


def test_a_runner_that_never_gets_to_a_test_gives_up(yard: Yard) -> None:
    """If every start ends before a test begins, the tests are missing: nobody waits for ever."""

    async def no_python(_nids: Sequence[str], _found: Callable[[dict[str, Any]], None]) -> int:
        return 127

    yard.runner = no_python
    yard.can_warm = False
    assert yard.worked() == [2]
    assert set(yard.outcomes.values()) == {"missing"}
    assert yard.fresh >= 1


def test_results_are_reported_while_the_chunk_runs(yard: Yard) -> None:
    """A result counts when the master hears of it, not at the chunk's end."""
    rest: defer.Deferred[None] = defer.Deferred()

    async def slow(nids: Sequence[str], found: Callable[[dict[str, Any]], None]) -> int:
        found({"event": "result", "nid": nids[0], "outcome": "passed", "seconds": 0.1})
        yard.clock.advance(0)
        await rest
        return await yard.good(nids[1:], found)

    yard.runner = slow
    done = yard.worked()
    assert yard.outcomes["a"] == "passed"
    assert done == []
    yard.runner = yard.good
    rest.callback(None)
    assert done == [0]


def test_a_test_that_hangs_is_an_error(yard: Yard) -> None:
    """After ten minutes its result is an error that says so, and the signs of life kept the claim until then."""
    rest: defer.Deferred[None] = defer.Deferred()

    async def hangs_in_a(nids: Sequence[str], found: Callable[[dict[str, Any]], None]) -> int:
        found({"event": "start", "nid": A})
        await rest
        return -1

    yard.runner = hangs_in_a
    done = yard.worked()
    for _ in range(29):
        yard.clock.advance(20)
    assert yard.outcomes["a"] is None
    for _ in range(3):
        yard.clock.advance(20)
    assert yard.outcomes["a"] == "error"
    yard.runner = yard.good
    rest.callback(None)
    assert done == [2]
    assert yard.outcomes == {"a": "error", "b": "passed", "c": "passed", "d": "passed"}


def test_the_next_chunk_comes_before_the_present_one_is_over() -> None:
    """A runner that says ``more`` is given the next chunk; what it was at counts when it is told, once.

    With the last chunk the client stays to its end: nothing waits that could be fetched meanwhile.
    """
    yard = Yard(seconds=30.0)
    left: list[str] = []

    async def holds_one_back(nids: Sequence[str], found: Callable[[dict[str, Any]], None]) -> int:
        todo = left + list(nids)
        left.clear()
        if nids:
            left.append(todo.pop())
        for nid in todo:
            found({"event": "result", "nid": nid, "outcome": "passed", "seconds": 0.1})
        yard.clock.advance(0)
        found({"event": "more" if left else "end", "busy": 0.1})
        return 0

    yard.runner = holds_one_back
    assert yard.worked() == [0]
    assert set(yard.outcomes.values()) == {"passed"}
    assert [nid for chunk in yard.chunks for nid in chunk] == [A, B, C, D]
    assert yard.chunks[-1] == []
    last = max(number for number, chunk in enumerate(yard.chunks) if chunk)
    assert last > 0
    assert all(ahead > 0 for ahead in yard.aheads[:last])
    assert yard.aheads[last:] == [0.0, 0.0]


@pytest.mark.parametrize(("ends", "follows"), [("passed", "passed"), ("failed", "blocked")])
def test_a_chain_goes_on_while_its_head_runs(ends: str, follows: str) -> None:
    """What follows a test that runs is claimed before that ends; if it fails, the runner leaves the follower out."""
    yard = Yard()
    planned = [PlannedTest(A, 0.1, 2.0), PlannedTest(B, 9.0, 1.0, (A,)), PlannedTest(C, 9.0, 0.0, (B,))]
    yard.run = yard.store.transact_now(lambda tx: tx.runs.create("s", "trunk", None, "gate", "abc", 0.0)).id
    yard.store.transact_now(lambda tx: tx.runs.plan(yard.run, planned, {}, None, 0.0))
    yard.properties["cd_run"] = yard.run
    yard.engine.tests.files = yard.files

    async def answers_late(nids: Sequence[str], found: Callable[[dict[str, Any]], None]) -> int:
        if list(nids) == [A]:
            found({"event": "start", "nid": A})
            found({"event": "more", "busy": 0.1})
            return 0
        if B not in nids:
            return await yard.good(nids, found)
        found({"event": "result", "nid": A, "outcome": ends, "seconds": 0.1})
        if ends != "passed":
            for nid in nids:
                found({"event": "blocked", "nid": nid})
            yard.clock.advance(0)
            found({"event": "end", "exit": 0})
            return 0
        return await yard.good(nids, found)

    yard.runner = answers_late
    yard.worked()
    assert yard.chunks[:2] in ([[A], [B]], [[A], [B, C]])
    assert yard.under_way[:2] == [[], [A]]
    assert yard.outcomes == {"a": ends, "b": follows, "c": follows}


def test_what_was_under_way_in_a_runner_that_dies_waits_again(yard: Yard) -> None:
    """The death may come between two chunks: the test that ran is the suspect, and everything is run in the end."""
    asked: list[list[str]] = []

    async def dies_once(nids: Sequence[str], found: Callable[[dict[str, Any]], None]) -> int:
        asked.append(list(nids))
        if len(asked) == 1:
            found({"event": "start", "nid": nids[0]})
            found({"event": "more", "busy": 0.1})
            return 0
        if len(asked) == 2:
            found({"event": "start", "nid": asked[0][0]})
            found({"event": "died"})
            return 3
        return await yard.good(nids, found)

    yard.runner = dies_once
    assert yard.worked() == [0]
    assert set(yard.outcomes.values()) == {"passed"}
    assert len(yard.starts) == 2
    crashes = {one.nid: one.crashes for one in yard.store.transact_now(lambda tx: tx.runs.tests(yard.run))}
    assert crashes[asked[0][0]] == 1
    assert sum(crashes.values()) == 1


def test_a_suspect_runs_with_nothing_else_under_way(yard: Yard) -> None:
    """Before a test in which a runner died, the runner's other work is awaited; and it is not left early."""
    yard.store.transact_now(lambda tx: tx.runs.take(yard.run, "w1", [A], 0.0, 60.0))
    yard.store.transact_now(lambda tx: tx.runs.release(yard.run, "w1", A))
    left: list[str] = []

    async def holds_all_back(nids: Sequence[str], found: Callable[[dict[str, Any]], None]) -> int:
        if A in nids:
            assert not left
            assert list(nids) == [A]
        if nids and A not in nids:
            left.extend(nids)
            found({"event": "more", "busy": 0.1})
            return 0
        code = await yard.good([*left, *nids], found)
        left.clear()
        return code

    yard.runner = holds_all_back
    assert yard.worked() == [0]
    assert set(yard.outcomes.values()) == {"passed"}
    assert yard.aheads[yard.chunks.index([A])] == 0


def test_tests_of_another_runner_go_to_its_program() -> None:
    """PHPUnit's tests are run by the program that speaks its language, as the map says; no pytest stays."""
    yard = Yard("phpunit:T.php::T::a", "phpunit:T.php::T::b")
    assert yard.worked() == [0]
    assert [one[:2] for one in yard.chunks] == [["phpunit", "run"]] * len(yard.chunks)
    assert set(yard.outcomes.values()) == {"passed"}
    assert yard.starts == []
    assert not yard.cooled
