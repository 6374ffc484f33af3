# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.worker.tests.conftest import Project

A = "pytest:test_a.py::"


def test_each_outcome_is_told(project: Project) -> None:
    """Passed, failed, error in setup, skipped, expected failure, and one that passes against expectation."""
    project.write(
        test_a=(
            "import pytest\n"
            "@pytest.fixture\n"
            "def broken(): raise RuntimeError('no database')\n"
            "def test_pass(): pass\n"
            "def test_fail():\n    print('seen before')\n    assert 1 == 2\n"
            "def test_error(broken): pass\n"
            "def test_skip(): pytest.skip('not today')\n"
            "@pytest.mark.xfail(reason='known')\ndef test_xfail(): assert False\n"
            "@pytest.mark.xfail(strict=True)\ndef test_xpass(): pass\n"
        )
    )
    names = ["pass", "fail", "error", "skip", "xfail", "xpass"]
    said = project.run(*(f"{A}test_{name}" for name in names))
    assert said.outcomes == {
        "test_pass": "passed",
        "test_fail": "failed",
        "test_error": "error",
        "test_skip": "skipped",
        "test_xfail": "xfailed",
        "test_xpass": "failed",
    }
    texts = {one["nid"].partition("::")[2]: one["text"] for one in said.of("result")}
    assert "seen before" in texts["test_fail"]
    assert "assert 1 == 2" in texts["test_fail"]
    assert "no database" in texts["test_error"]
    assert texts["test_skip"] == "Skipped: not today"
    assert said.code == 0


def test_only_what_is_wanted_runs(project: Project) -> None:
    """Other tests of the file stay still, and other files are not even imported."""
    project.write(test_a="def test_1(): pass\ndef test_2(): assert 0\n", test_b="raise SystemExit\n")
    said = project.run(f"{A}test_1")
    assert said.outcomes == {"test_1": "passed"}
    assert said.of("error") == []


def test_a_test_that_is_not_there_is_missing(project: Project) -> None:
    """A requested test without a result is named, whether its file, its function or its parameter is gone."""
    project.write(test_a="import pytest\n@pytest.mark.parametrize('n', [1])\ndef test_1(n): pass\n")
    said = project.run(f"{A}test_1[1]", f"{A}test_1[2]", f"{A}test_gone", "pytest:gone.py::test_x")
    assert [one["nid"] for one in said.of("missing")] == [f"{A}test_1[2]", f"{A}test_gone", "pytest:gone.py::test_x"]
    assert said.outcomes == {"test_1[1]": "passed"}


def test_a_crash_in_the_middle_leaves_the_running_test_named(project: Project) -> None:
    """A process that dies has told of the results before, and of the test that it died in."""
    project.write(test_a="import os\ndef test_1(): pass\ndef test_2(): os._exit(3)\ndef test_3(): pass\n")
    said = project.run(f"{A}test_1", f"{A}test_2", f"{A}test_3")
    assert said.code == 3
    assert said.outcomes == {"test_1": "passed"}
    assert [one["nid"] for one in said.of("start")] == [f"{A}test_1", f"{A}test_2"]
    assert said.of("end") == []


def test_a_run_that_is_stopped_names_what_was_lost(project: Project) -> None:
    """pytest.exit in a test ends pytest; the tests that had no turn are lost, not missing."""
    project.write(test_a="import pytest\ndef test_1(): pytest.exit('stop')\ndef test_2(): pass\n")
    said = project.run(f"{A}test_1", f"{A}test_2")
    assert [one["nid"] for one in said.of("lost")] == [f"{A}test_1", f"{A}test_2"]
    assert said.of("missing") == []


def test_subtests_stand_for_no_test(project: Project) -> None:
    """A test with subtests has one result; one failed subtest fails it (pytest 9 and unittest)."""
    project.write(
        test_a=(
            "import unittest\n"
            "def test_good(subtests):\n    for i in range(3):\n        with subtests.test(i=i): pass\n"
            "def test_bad(subtests):\n    for i in range(3):\n        with subtests.test(i=i): assert i != 1\n"
            "class TestU(unittest.TestCase):\n"
            "    def test_u(self):\n"
            "        for i in range(3):\n            with self.subTest(i=i): self.assertNotEqual(i, 1)\n"
        )
    )
    said = project.run(f"{A}test_good", f"{A}test_bad", f"{A}TestU::test_u")
    assert said.outcomes == {"test_good": "passed", "test_bad": "failed", "TestU::test_u": "failed"}
    assert len(said.of("result")) == 3


def test_a_file_as_a_whole_says_whether_it_can_be_collected(project: Project) -> None:
    """A file's own id passes if it can be collected, errs with its reason if not, and is skipped if it skips itself."""
    project.write(
        test_a="def test_1(): assert 0\n",
        test_b="import nosuch\n",
        test_c="import pytest\npytest.skip('no', allow_module_level=True)\n",
    )
    said = project.run("pytest:test_a.py", "pytest:test_b.py", "pytest:test_c.py")
    assert {one["nid"]: one["outcome"] for one in said.of("result")} == {
        "pytest:test_a.py": "passed",
        "pytest:test_b.py": "error",
        "pytest:test_c.py": "skipped",
    }


def test_the_projects_own_settings_do_not_cut_the_run_short(project: Project) -> None:
    """-x, maxfail and parallel runners in the project's ini do not keep a test from its turn."""
    project.write(test_a="def test_1(): assert 0\ndef test_2(): pass\n")
    (project.top / "pytest.ini").write_text("[pytest]\naddopts = -x --maxfail=1\n")
    assert project.run(f"{A}test_1", f"{A}test_2").outcomes == {"test_1": "failed", "test_2": "passed"}


def test_durations_hold_setup_and_teardown(project: Project) -> None:
    """What a slow fixture costs belongs to its test."""
    project.write(
        test_a=(
            "import pytest, time\n"
            "@pytest.fixture\ndef slow():\n    time.sleep(0.15)\n    yield\n    time.sleep(0.15)\n"
            "def test_1(slow): pass\n"
        )
    )
    (result,) = project.run(f"{A}test_1").of("result")
    assert result["seconds"] >= 0.3


def test_odd_names_find_their_tests(project: Project) -> None:
    """Parameters with brackets, colons, line breaks and composed letters name the same test when they come back."""
    project.write(
        test_a=(
            "import pytest\n"
            "@pytest.mark.parametrize('n', ['a::b', 'x[1]', 'new\\nline', 'cafe\\u0301', ' '])\n"
            "def test_1(n): pass\n"
            "@pytest.mark.parametrize('n', [1, 2], ids=['same', 'same'])\n"
            "def test_2(n): pass\n"
        )
    )
    nids = [one["nid"] for one in project.collect().of("test")]
    said = project.run(*nids)
    assert len(set(nids)) == 7
    assert {one["nid"] for one in said.of("result")} == set(nids)
    assert said.of("missing") == []


def test_a_forgotten_child_does_not_speak(project: Project) -> None:
    """A child that a test forks off and that runs on in pytest's code writes no results of its own."""
    project.write(
        test_a=(
            "import os\ndef test_1():\n    if os.fork() == 0:\n        assert 0\n    os.wait()\ndef test_2(): pass\n"
        )
    )
    said = project.run(f"{A}test_1", f"{A}test_2")
    assert said.outcomes == {"test_1": "passed", "test_2": "passed"}
    assert len(said.of("end")) == 1


def test_an_interpreter_without_pytest_is_told(project: Project) -> None:
    """The remedy is in the event, not in a traceback."""
    (project.top / "pytest.py").write_text("raise ImportError('broken')\n")
    said = project.call("collect", env={"PYTHONPATH": str(project.top)})
    assert "cannot import pytest" in said.of("error")[0]["text"]
    assert said.code == 4
