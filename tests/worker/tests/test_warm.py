# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.worker.tests.conftest import PROGRAM, Said, events_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.worker.tests.conftest import Project

WARM = PROGRAM.parent / "pytest_warm.py"
CLIENT = PROGRAM.parent / "pytest_client.py"
A = "pytest:test_a.py::"
LIMIT = 20.0


class Warm:
    """The program called as a worker calls it, from a project's folder."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.socket = "../w.sock"

    def call(self, verb: str, *arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Said:
        """Call a verb."""
        return self.run(str(WARM), verb, "--socket", self.socket, *arguments, stdin=stdin, env=env)

    def run(self, *argv: str, stdin: str = "", env: dict[str, str] | None = None) -> Said:
        """Call a program."""
        clean = {name: one for name, one in os.environ.items() if not name.startswith("PYTEST")}
        done = subprocess.run(
            [sys.executable, *argv],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.project.top,
            env={**clean, **(env or {})},
            timeout=60,
            check=False,
        )
        return Said(done.returncode, events_in(done.stdout), done.stderr)

    def start(self, *more: str, env: dict[str, str] | None = None) -> Said:
        """Start it."""
        return self.call("start", *more, "--", "-p", "no:cacheprovider", env=env)

    def chunk(self, *names: str, after: dict[str, list[str]] | None = None, ahead: float = 0.0) -> Said:
        """Run tests of test_a.py, each of which is expected to take a second."""
        needs = {name: [A + one for one in ones] for name, ones in (after or {}).items()}
        tests = [{"nid": A + name, "after": needs.get(name, []), "seconds": 1.0} for name in names]
        return self.run("-S", str(CLIENT), self.socket, stdin=json.dumps({"tests": tests, "ahead": ahead}))

    @property
    def log(self) -> str:
        """What pytest printed."""
        return (self.project.top.parent / "w.sock.log").read_text()


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Warm]:
    """A project in a folder of its own, and no pytest of it left behind."""
    from tests.worker.tests.conftest import Project

    (tmp_path / "build").mkdir()
    made = Warm(Project(tmp_path / "build"))
    yield made
    if made.project.top.exists():
        made.call("stop")


def until(what: Any) -> None:
    """Wait for it, with a limit."""
    end = time.monotonic() + LIMIT
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether the process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


WHO = "import os\ndef test_pid(): raise AssertionError('pid=%d.' % os.getpid())\n"


def pid_of(said: Said) -> int:
    """The process that ran test_pid."""
    return int(said.of("result")[0]["text"].rsplit("pid=", 1)[1].split(".")[0])


def test_one_process_runs_chunk_after_chunk(warm: Warm) -> None:
    """Collected once, every chunk is run by the same process; session fixtures stay, module fixtures do not."""
    warm.project.write(
        test_a=(
            "import pytest\n"
            "made = []\n"
            "@pytest.fixture(scope='session')\ndef once():\n    made.append('session'); yield; made.append('end')\n"
            "@pytest.fixture(scope='module')\ndef mod():\n    made.append('module'); yield; made.append('module end')\n"
            "def test_1(once, mod): pass\n"
            "def test_2(once, mod): pass\n"
            "def test_3(once): raise AssertionError(repr(made))\n" + WHO
        )
    )
    assert warm.start().of("ready")[0]["count"] == 4
    first = pid_of(warm.chunk("test_pid"))
    assert warm.chunk("test_1", "test_2").outcomes == {"test_1": "passed", "test_2": "passed"}
    (result,) = warm.chunk("test_3").of("result")
    assert "['session', 'module', 'module end']" in result["text"]
    assert pid_of(warm.chunk("test_pid")) == first


def test_a_test_that_is_not_there_is_missing(warm: Warm) -> None:
    """Every requested test has an answer."""
    warm.project.write(test_a="def test_1(): pass\n")
    warm.start()
    said = warm.chunk("test_1", "test_gone")
    assert said.outcomes == {"test_1": "passed"}
    assert [one["nid"] for one in said.of("missing")] == [A + "test_gone"]
    assert said.code == 0


def test_only_listed_files_are_collected(warm: Warm) -> None:
    """Files that the run does not need are not even imported."""
    warm.project.write(test_a="def test_1(): pass\n", test_b="raise SystemExit\n")
    (warm.project.top.parent / "files.txt").write_text("test_a.py\n")
    said = warm.start("--files", "../files.txt")
    assert [one["event"] for one in said.events] == ["ready"]
    assert warm.chunk("test_1").outcomes == {"test_1": "passed"}


def test_requirements_order_a_chunk_and_block_what_follows(warm: Warm) -> None:
    """A test runs after what it waits for, whatever the file's order, and not at all if that failed."""
    warm.project.write(
        test_a=(
            "ran = []\n"
            "def test_c(): ran.append('c')\n"
            "def test_b(): ran.append('b'); assert False, ran\n"
            "def test_a(): ran.append('a')\n"
            "def test_free(): assert False, ran\n"
        )
    )
    warm.start()
    said = warm.chunk("test_c", "test_b", "test_a", "test_free", after={"test_c": ["test_b"], "test_b": ["test_a"]})
    assert said.outcomes == {"test_a": "passed", "test_b": "failed", "test_free": "failed"}
    assert [one["nid"] for one in said.of("blocked")] == [A + "test_c"]
    texts = {one["nid"]: one["text"] for one in said.of("result")}
    assert "['a', 'b']" in texts[A + "test_free"]


def test_fixtures_of_a_module_survive_a_blocked_test(warm: Warm) -> None:
    """The test behind a blocked one is set up in order, though another one was meant to come next."""
    warm.project.write(
        test_a=(
            "import pytest\n"
            "@pytest.fixture(scope='module')\ndef mod(): return 1\n"
            "class TestX:\n"
            "    @pytest.fixture(scope='class')\n    def kls(self): return 1\n"
            "    def test_1(self, mod, kls): assert 0\n"
            "    def test_2(self, mod, kls): pass\n"
            "def test_3(mod): pass\n"
        )
    )
    warm.start()
    said = warm.chunk("TestX::test_1", "TestX::test_2", "test_3", after={"TestX::test_2": ["TestX::test_1"]})
    assert said.outcomes == {"TestX::test_1": "failed", "test_3": "passed"}


WAITS = "import os, time\ndef until(name):\n    while not os.path.exists(name): time.sleep(0.01)\n"


def test_the_next_chunk_is_taken_in_while_the_present_one_runs(warm: Warm) -> None:
    """A client that lets go early leaves pytest at work; the next one brings more and hears what was told meanwhile."""
    warm.project.write(
        test_a=(
            WAITS + "import pytest\nmade = []\n"
            "@pytest.fixture(scope='module')\ndef mod(): made.append(1)\n"
            "def test_0(mod): pass\n"
            "def test_1(mod): until('go')\n"
            "def test_2(mod): pass\n"
            "def test_3(mod): assert not made, made\n"
        )
    )
    warm.start()
    first = warm.chunk("test_1", "test_2", ahead=9.0)
    assert first.code == 0
    assert first.events[-1]["event"] == "more"
    assert first.outcomes == {}
    second = warm.chunk("test_0", "test_3", ahead=9.0)  # before and behind what is under way
    assert second.events[-1]["event"] == "more"
    assert [one["nid"] for one in second.of("start")] == [A + "test_1"]
    (warm.project.top / "go").touch()
    rest = warm.chunk()
    assert rest.events[-1]["event"] == "end"
    assert rest.outcomes == {"test_0": "passed", "test_1": "passed", "test_2": "passed", "test_3": "failed"}
    (failed,) = (one for one in rest.of("result") if one["outcome"] == "failed")
    assert "[1]" in failed["text"]  # the module's fixture was set up once for all of them


def test_a_later_chunk_may_wait_for_tests_that_are_under_way(warm: Warm) -> None:
    """It runs after them, and not if one of them failed, whether or not that was told before the chunk came."""
    warm.project.write(
        test_a=(
            WAITS + "ran = []\n"
            "def test_0(): ran.append(0)\n"
            "def test_1(): until('go'); ran.append(1)\n"
            "def test_2(): assert not ran, ran\n"
            "def test_3(): pass\n"
            "def test_4(): pass\n"
        )
    )
    warm.start()
    assert warm.chunk("test_1", "test_2", ahead=9.0).events[-1]["event"] == "more"
    needs = {"test_0": ["test_1"], "test_3": ["test_2"]}
    assert warm.chunk("test_0", "test_3", after=needs, ahead=9.0).events[-1]["event"] == "more"
    (warm.project.top / "go").touch()
    rest = warm.chunk("test_4", after={"test_4": ["test_3"]})
    assert rest.outcomes == {"test_0": "passed", "test_1": "passed", "test_2": "failed"}
    assert [one["nid"] for one in rest.of("blocked")] == [A + "test_3", A + "test_4"]
    (failed,) = (one for one in rest.of("result") if one["outcome"] == "failed")
    assert "[1" in failed["text"]


def test_a_crash_without_a_client_is_told_to_the_next_one(warm: Warm) -> None:
    """Results and the name of the test wait for it at the guard."""
    warm.project.write(test_a=WAITS + "def test_1(): pass\ndef test_2(): until('go'); os._exit(7)\n")
    warm.start()
    assert warm.chunk("test_1", "test_2", ahead=9.0).events[-1]["event"] == "more"
    (warm.project.top / "go").touch()
    said = warm.chunk("test_1")
    assert said.code == 3
    assert said.outcomes == {"test_1": "passed"}
    assert said.of("start")[-1]["nid"] == A + "test_2"


def test_a_client_that_is_cut_off_takes_pytest_with_it(warm: Warm) -> None:
    """Also in the middle of a test that hangs: a step that is interrupted leaves nothing at work."""
    warm.project.write(test_a=WAITS + "def test_1():\n    open('pid', 'w').write(str(os.getpid())); until('never')\n")
    warm.start()
    argv = [sys.executable, "-S", str(CLIENT), warm.socket]
    client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=warm.project.top)
    assert client.stdin is not None
    client.stdin.write(json.dumps({"tests": [{"nid": A + "test_1"}]}).encode())
    client.stdin.close()
    place = warm.project.top / "pid"
    until(lambda: place.exists() and place.read_text())
    client.kill()
    client.wait(LIMIT)
    until(lambda: gone(int(place.read_text())))


def test_what_passed_shares_lines(warm: Warm) -> None:
    """A worker and a master handle each line: a thousand results need a few, none of them longer than is safe."""
    warm.project.write(test_a="import pytest\n@pytest.mark.parametrize('n', range(1000))\ndef test_1(n): pass\n")
    warm.start()
    tests = [{"nid": f"{A}test_1[{n}]"} for n in range(1000)]
    argv = [sys.executable, "-S", str(CLIENT), warm.socket]
    asked = json.dumps({"tests": tests})
    done = subprocess.run(argv, input=asked, capture_output=True, text=True, cwd=warm.project.top, check=True)
    results = [one for one in events_in(done.stdout) if one["event"] == "result"]
    assert sorted(one["nid"] for one in results) == sorted(one["nid"] for one in tests)
    assert all(one["seconds"] >= 0 for one in results)
    lines = done.stdout.splitlines()
    assert len(lines) < 150
    assert max(map(len, lines)) < 3002


def test_a_crash_is_told_with_the_test_it_happened_in(warm: Warm) -> None:
    """A process that dies leaves results before it, the name of the test, and a client that says so."""
    warm.project.write(test_a="import os\ndef test_1(): pass\ndef test_2(): os._exit(7)\ndef test_3(): pass\n")
    warm.start()
    said = warm.chunk("test_1", "test_2", "test_3")
    assert said.code == 3
    assert said.outcomes == {"test_1": "passed"}
    assert [one["nid"] for one in said.of("start")][-1] == A + "test_2"
    assert said.events[-1]["event"] == "died"
    assert warm.chunk("test_3").events[-1]["event"] == "died"
    warm.start()
    assert warm.chunk("test_3").outcomes == {"test_3": "passed"}


def test_a_test_that_stops_pytest_leaves_the_others_lost(warm: Warm) -> None:
    """pytest.exit ends the process; what had no turn is named."""
    warm.project.write(test_a="import pytest\ndef test_1(): pytest.exit('stop')\ndef test_2(): pass\n")
    warm.start()
    said = warm.chunk("test_1", "test_2")
    assert [one["nid"] for one in said.of("lost")] == [A + "test_1", A + "test_2"]
    assert said.code == 3


def test_a_second_start_replaces_the_first(warm: Warm) -> None:
    """A process that an older build left behind is ended before the new one begins."""
    warm.project.write(test_a=WHO)
    warm.start()
    old = pid_of(warm.chunk("test_pid"))
    warm.start()
    assert gone(old)
    assert pid_of(warm.chunk("test_pid")) != old


def test_stop_ends_it_also_in_the_middle_of_a_test(warm: Warm) -> None:
    """A test that hangs does not keep the process alive, and its own children go too."""
    warm.project.write(
        test_a=(
            "import os, subprocess, time\n"
            "def test_hang():\n"
            "    child = subprocess.Popen(['sleep', '600'])\n"
            "    open('pids', 'w').write('%d %d' % (os.getpid(), child.pid)); os.rename('pids', 'hangs')\n"
            "    time.sleep(600)\n"
        )
    )
    warm.start()
    client = subprocess.Popen(
        [sys.executable, "-S", str(CLIENT), warm.socket],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        cwd=warm.project.top,
    )
    assert client.stdin is not None
    client.stdin.write(json.dumps({"tests": [{"nid": A + "test_hang"}]}).encode())
    client.stdin.close()
    until((warm.project.top / "hangs").exists)
    pids = [int(one) for one in (warm.project.top / "hangs").read_text().split()]
    assert warm.call("stop").code == 0
    assert client.wait(LIMIT) == 3
    until(lambda: all(gone(pid) for pid in pids))


def test_it_ends_when_its_directory_goes(warm: Warm) -> None:
    """A build directory that is removed takes its process with it."""
    warm.project.write(test_a=WHO)
    warm.start()
    pid = pid_of(warm.chunk("test_pid"))
    for entry in warm.project.top.parent.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    until(lambda: gone(pid))


def test_it_ends_when_nobody_comes(warm: Warm) -> None:
    """After its idle time the process ends by itself and takes its socket away."""
    warm.project.write(test_a=WHO)
    warm.start(env={"CD_WARM_IDLE": "2"})
    until(lambda: not (warm.project.top.parent / "w.sock").exists())
    assert warm.chunk("test_pid").events[-1]["event"] == "died"


def test_a_project_that_cannot_be_collected_is_told_at_the_start(warm: Warm) -> None:
    """A broken conftest.py means that nothing stays; the file is named."""
    warm.project.write(conftest="import nosuch\n", test_a=WHO)
    said = warm.start()
    assert said.code == 3
    assert [one["path"] for one in said.of("error")] == ["conftest.py"]


def test_a_file_that_cannot_be_collected_is_an_error_of_its_tests(warm: Warm) -> None:
    """The others run; a test of the broken file gets the reason as its result."""
    warm.project.write(test_a="import nosuch\n", test_b="def test_1(): pass\n")
    assert warm.start().of("ready")[0]["count"] == 1
    (result,) = warm.chunk("test_1").of("result")
    assert result["outcome"] == "error"
    assert "nosuch" in result["text"]


def test_a_warm_chunk_is_quick(warm: Warm) -> None:
    """A chunk costs a client and no new pytest, in process time less than half of a fresh one (Knapsack #146)."""
    warm.project.write(test_a="def test_1(): pass\n")
    warm.start()

    def cost(call: Any) -> float:
        before = os.times()
        call()
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    fresh = min(cost(lambda: warm.project.run(A + "test_1")) for _ in range(3))
    assert min(cost(lambda: warm.chunk("test_1")) for _ in range(3)) < fresh / 2
