# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import buildbot_cd.worker.tests
from buildbot_cd.worker.tests.junit_stream import parts, pattern, php_tests
from tests.worker.tests.conftest import Said, events_in

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(buildbot_cd.worker.tests.__file__).parent
LISTS = "import sys\nprint('t/a.x::one\\nt/a.x::two')\n"
RUNS = """\
import sys
report, tests = sys.argv[1:]
print("talk")
cases = ""
for name in open(tests).read().split():
    path, _, case = name.partition("::")
    inside = "<failure>no</failure>" if case == "two" else ""
    if case != "three":
        cases += f'<testcase file="{path}" name="{case}" time="0.5">{inside}</testcase>'
open(report, "w").write(f"<testsuite>{cases}</testsuite>")
"""
PHP9 = b"""<?xml version="1.0"?><tests><testCaseClass name="Shop\\CartTest">
<testCaseMethod name="testTotal" groups="cart,default"/>
<testCaseMethod name="testTax" groups="default" dataSet="with data set #0"/></testCaseClass></tests>"""
PHP11 = b"""<?xml version="1.0"?><testSuite xmlns="https://xml.phpunit.de/testSuite"><tests>
<testClass name="Shop\\CartTest" file="/w/tests/CartTest.php">
<testMethod id="Shop\\CartTest::testTotal" name="testTotal"/>
<testMethod id="Shop\\CartTest::testTax#0" name="testTax"/></testClass></tests>
<groups><group name="cart"><test id="Shop\\CartTest::testTotal"/></group>
<group name="default"><test id="Shop\\CartTest::testTax#0"/></group></groups></testSuite>"""


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., Said]:
    """The two files as a worker has them, alone, and called by a Python that knows nothing of ours."""
    (tmp_path / "build").mkdir()
    (tmp_path / "build/lists.py").write_text(LISTS)
    (tmp_path / "build/runs.py").write_text(RUNS)
    shutil.copy(FOLDER / "junit_stream.py", tmp_path / "cd_junit.py")
    shutil.copy(FOLDER / "junit.py", tmp_path / "cd_junit_report.py")

    def called(verb: str, **request: Any) -> Said:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "../cd_junit.py", verb],
            input=json.dumps({"runner": "command", **request}),
            capture_output=True,
            text=True,
            cwd=tmp_path / "build",
            timeout=60,
            check=False,
        )
        return Said(done.returncode, events_in(done.stdout), done.stderr)

    return called


def test_a_command_lists_its_tests(call: Callable[..., Said]) -> None:
    """One name a line; what stands before :: is the file."""
    said = call("collect", list=[sys.executable, "lists.py"])
    assert [(one["nid"], one["path"]) for one in said.of("test")] == [
        ("junit:t/a.x::one", "t/a.x"),
        ("junit:t/a.x::two", "t/a.x"),
    ]
    assert said.events[-1] == {"event": "end", "exit": 0, "count": 2}


def test_a_command_runs_what_is_asked_for(call: Callable[..., Said]) -> None:
    """Results by name; a requested test without a result is missing; the command's talk is no event."""
    nids = [f"junit:t/a.x::{one}" for one in ("one", "two", "three")]
    said = call("run", run=[sys.executable, "runs.py", "{report}", "{tests}"], tests=nids)
    assert said.outcomes == {"one": "passed", "two": "failed"}
    assert [one["nid"] for one in said.of("missing")] == ["junit:t/a.x::three"]
    assert "talk" in said.stderr
    assert said.of("end")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["nosuch-program"], "nosuch-program cannot be called"),
        ([sys.executable, "-c", "import sys; print('why'); sys.exit(3)"], "ended with 3 and wrote no report: why"),
        ([sys.executable, "-c", "open(__import__('sys').argv[1], 'w').write('<x')", "{report}"], "no XML, line 1"),
    ],
)
def test_a_command_that_does_not_work_is_told(call: Callable[..., Said], argv: list[str], told: str) -> None:
    """Not there, without a report, with a broken one: an error event says which."""
    assert told in call("run", run=argv, tests=["junit:a"]).of("error")[0]["text"]


def test_a_map_without_commands_is_told(call: Callable[..., Said]) -> None:
    """With the key to give."""
    assert "give tests.list" in call("collect").of("error")[0]["text"]
    assert "give tests.run" in call("run", tests=["junit:a"]).of("error")[0]["text"]


def test_a_list_that_fails_is_told(call: Callable[..., Said]) -> None:
    """With what the command printed."""
    said = call("collect", list=[sys.executable, "-c", "import sys; print('no php'); sys.exit(2)"])
    assert "ended with 2: no php" in said.of("error")[0]["text"]
    assert said.code == 2


@pytest.mark.parametrize(
    ("data", "tests"),
    [
        (
            PHP9,
            [
                ("Shop\\CartTest::testTotal", "", ["cart"]),
                ("Shop\\CartTest::testTax with data set #0", "", []),
            ],
        ),
        (
            PHP11,
            [
                ("tests/CartTest.php::Shop\\CartTest::testTotal", "tests/CartTest.php", ["cart"]),
                ("tests/CartTest.php::Shop\\CartTest::testTax#0", "tests/CartTest.php", []),
            ],
        ),
    ],
)
def test_phpunits_lists_are_read(data: bytes, tests: list[tuple[str, str, list[str]]]) -> None:
    """Old lists have groups at the method and no files, new ones files at the class and groups of ids."""
    assert php_tests(data, "/w") == tests


def test_phpunit_is_asked_for_exactly_these_tests(call: Callable[..., Said], tmp_path: Path) -> None:
    """The filter is anchored and names class and method; results are found again without their file too."""
    (tmp_path / "build/phpunit.py").write_text(
        "import re, sys\n"
        "filter, report = sys.argv[1:]\n"
        "body = filter.strip('/')\n"
        "cases = ''\n"
        "for name in ('CartTest::testTotal', 'CartTest::testTotals', 'CartTest::testTax'):\n"
        "    if re.search(body, name):\n"
        "        kls, _, method = name.partition('::')\n"
        '        cases += f\'<testcase class="{kls}" name="{method}"/>\'\n'
        "open(report, 'w').write(f'<testsuite>{cases}</testsuite>')\n"
    )
    nid = "phpunit:tests/CartTest.php::CartTest::testTotal"
    argv = [sys.executable, "phpunit.py", "{filter}", "{report}"]
    said = call("run", runner="phpunit", run=argv, tests=[nid])
    assert [(one["nid"], one["outcome"]) for one in said.of("result")] == [(nid, "passed")]
    assert said.of("missing") == []


def test_long_lists_are_cut_into_command_lines() -> None:
    """Thousands of names make several filters, each short enough for a command line, and none is lost."""
    names = [f"tests/T{n}.php::Some\\Long\\Namespace\\ForTests{n}::testNumber{n}" for n in range(3000)]
    cut = parts(names)
    assert [name for part in cut for name in part] == names
    assert max(len(pattern(part)) for part in cut) < 100_000
