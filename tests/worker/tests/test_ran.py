# SPDX-License-Identifier: GPL-2.0-only
"""What each test ran, as the programs tell it: by the interpreter of these tests and by newer ones, where there are."""

from __future__ import annotations

import ast
import base64
import os
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.selection.function_map import BLIND, FILE, key
from buildbot_cd.worker.tests import cd_checkout, syntax_parts
from tests.worker.tests.conftest import PROGRAM, events_in

if TYPE_CHECKING:
    from tests.worker.tests.conftest import Project

RAN = PROGRAM.parent / "pytest_ran.py"


PYTHONS = [sys.executable, *filter(None, os.environ.get("CD_PYTHONS", "").split(":"))]
"""This interpreter, and others with pytest that the environment names: below 3.12 another recorder is at work."""


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> str:
    """Each interpreter."""
    return str(request.param)


def ran(project: Project, python: str, *nids: str) -> dict[str, set[int]]:
    """By nid without file the keys of what ran."""
    done = subprocess.run(
        [python, str(PROGRAM), "run", "--tests", "-", "--ran", str(RAN), "--traced", "--", "-p", "no:cacheprovider"],
        input="\n".join(nids) + "\n",
        capture_output=True,
        text=True,
        cwd=project.top,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for event in events_in(done.stdout):
        if event["event"] == "ran":
            data = base64.b64decode(event["units"])
            found[event["nid"].partition("::")[2] or event["nid"]] = set(struct.unpack(f"<{len(data) // 4}I", data))
    return found


CART = """
LIMIT = 3

def total(items):
    return sum(map(one, items))

def one(item):
    return item

class Cart:
    def add(self):
        return [total(x) for x in ([1],)]

def at_import():
    return 1

MADE = at_import()
"""


def test_a_test_ran_what_it_called(project: Project, python: str) -> None:
    """Each test by itself, though another one ran the same before; classes by qualified name; imports at the file."""
    project.write(
        cart=CART,
        test_a="import cart\ndef test_1(): cart.total([])\ndef test_2(): cart.total([1])\n"
        "def test_3(): cart.Cart().add()\ndef test_4(): pass\n",
    )
    found = ran(project, python, *(f"pytest:test_a.py::test_{one}" for one in range(1, 5)))
    total, one = key("cart.py", "total"), key("cart.py", "one")
    assert {nid: (total in keys, one in keys) for nid, keys in found.items() if nid.startswith("test")} == {
        "test_1": (True, False),
        "test_2": (True, True),
        "test_3": (True, True),
        "test_4": (False, False),
    }
    assert key("cart.py", "Cart.add") in found["test_3"]
    assert key("cart.py", FILE) in found["test_1"]
    assert key("cart.py", "at_import") in found["pytest:test_a.py"]
    assert all(key("cart.py", "at_import") not in keys for nid, keys in found.items() if nid.startswith("test"))


SORTED = """
def sort(x):
    if x < 0:
        return 'less'
    def inner():
        if x:
            return 'more'
        return 'same'
    return inner()

class Shelf:
    def put(self, x):
        # parts of methods too
        if x:
            return sort(
                x,
            )
        return None
"""


def test_of_a_function_that_many_tests_run_the_parts_are_told(project: Project, python: str) -> None:
    """From the fourth test on, each by itself; functions inside of it belong to it; a child's parts count too."""
    project.write(
        sorts=SORTED,
        test_a="import os, pytest, sorts\n@pytest.mark.parametrize('x', [0, 0, 0, -1, 1, 0, 1], ids=[*'abcdefg'])\n"
        "def test_1(x): sorts.Shelf().put(x) if x else sorts.sort(x)\n"
        "def test_2():\n    pid = os.fork()\n    if not pid:\n        sorts.sort(-1)\n        os._exit(0)\n"
        "    os.waitpid(pid, 0)\n",
    )
    found = ran(project, python, *(f"pytest:test_a.py::test_1[{one}]" for one in "abcdefg"), "pytest:test_a.py::test_2")
    shape = syntax_parts.Shape(ast.parse(SORTED).body[0], SORTED.splitlines())
    if subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout < "Python 3.12":
        whole = {key("sorts.py", one) for one in ("sort", "<file>")}  # coverage.py: the function, and no parts
        assert all(whole <= keys and key("sorts.py", "sort#") not in keys for nid, keys in found.items() if "::" in nid)
        return
    marker = markers(python, SORTED, "sort")

    def parts(nid: str) -> tuple[bool, bool, list[int]]:
        told, untold = (key("sorts.py", f"sort#{one}") in found[nid] for one in (marker, ""))
        return told, untold, [n for n in range(shape.count) if key("sorts.py", f"sort#{marker}#{n}") in found[nid]]

    assert [parts(f"test_1[{one}]") for one in "abc"] == [(False, True, [])] * 3
    assert parts("test_1[d]") == (True, False, [0, 1])
    assert [parts(one) for one in ("test_1[e]", "test_1[g]")] == [(True, False, [0, 2, 3, 4])] * 2
    assert parts("test_1[f]") == (True, False, [0, 2, 3, 5])
    assert parts("test_2") == (True, False, [0, 1])


def markers(python: str, source: str, name: str) -> str:
    """What stands for the shape of a function there: each version of Python has its own."""
    program = """if True:
        import ast, sys, syntax_parts
        source, name = sys.argv[1:]
        (node,) = (one for one in ast.parse(source).body if one.name == name)
        print(syntax_parts.Shape(node, source.splitlines()).marker)
    """
    done = subprocess.run(
        [python, "-c", program, source, name], cwd=RAN.parent, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_fixture_counts_for_every_test_that_uses_it(project: Project, python: str) -> None:
    """A module's fixture is set up once, and a test that asks for it while it runs uses it too."""
    project.write(
        cart=CART,
        conftest="import cart, pytest\n@pytest.fixture(scope='session')\ndef shop():\n    return cart.total([1])\n"
        "@pytest.fixture(scope='module')\ndef stall(shop):\n    return cart.Cart().add()\n",
        test_a="def test_1(shop): pass\ndef test_2(shop): pass\ndef test_3(request): request.getfixturevalue('stall')\n"
        "def test_4(request): request.getfixturevalue('stall')\ndef test_5(): pass\n",
    )
    found = ran(project, python, *(f"pytest:test_a.py::test_{one}" for one in range(1, 6)))
    assert {nid for nid, keys in found.items() if key("cart.py", "total") in keys} == {
        f"test_{n}" for n in (1, 2, 3, 4)
    }
    assert {nid for nid, keys in found.items() if key("cart.py", "Cart.add") in keys} == {"test_3", "test_4"}


def test_opened_files_are_units(project: Project, python: str) -> None:
    """A data file belongs to the tests that open it (pytest-testmon #178: SQL and templates were not seen)."""
    (project.top / "sql").mkdir()
    (project.top / "sql" / "up.sql").write_text("select 1")
    project.write(
        test_a="from pathlib import Path\ndef test_1(): Path('sql/up.sql').read_text()\n"
        "def test_2(tmp_path): (tmp_path / 'x').write_text('')\n",
    )
    found = ran(project, python, "pytest:test_a.py::test_1", "pytest:test_a.py::test_2")
    assert {nid for nid, keys in found.items() if key("sql/up.sql", FILE) in keys} == {"test_1"}


def test_children_are_followed_or_told(project: Project, python: str) -> None:
    """What a forked child runs belongs to its test; another Python cannot be looked into, and that is told."""
    project.write(
        cart=CART,
        test_a="import os, subprocess, sys, cart\ndef test_1():\n    pid = os.fork()\n    if not pid:\n"
        "        cart.total([1])\n        os._exit(0)\n    os.waitpid(pid, 0)\n"
        "def test_2(): subprocess.run([sys.executable, '-c', ''])\ndef test_3(): subprocess.run(['true'])\n",
    )
    found = ran(project, python, *(f"pytest:test_a.py::test_{one}" for one in (1, 2, 3)))
    assert [key("", BLIND) in found[f"test_{one}"] for one in (2, 3)] == [True, False]
    assert {key("", BLIND), key("cart.py", "total")} & found["test_1"]


def test_nothing_is_recorded_where_it_would_be_dear(project: Project) -> None:
    """Without --traced, an interpreter below 3.12 tells no units; the results are the same."""
    project.write(test_a="def test_1(): pass\n")
    said = project.call(
        "run", "--tests", "-", "--ran", str(RAN), "--", "-p", "no:cacheprovider", stdin="pytest:test_a.py::test_1\n"
    )
    assert said.outcomes == {"test_1": "passed"}
    assert bool(said.of("ran")) == hasattr(sys, "monitoring")


def test_names_are_cut_at_the_outermost_function() -> None:
    """The master reckons the same number as the worker, whatever is in a name."""
    assert cd_checkout.unit("Cart.total.<locals>.inner.<locals>.<lambda>") == "Cart.total"
    assert cd_checkout.key("größe/\udcff.py", "x") == key("größe/\udcff.py", "x")
