# SPDX-License-Identifier: GPL-2.0-only
"""What each test ran, as the programs tell it: by the interpreter of these tests and by newer ones, where there are."""

from __future__ import annotations

import base64
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.selection.function_map import BLIND, FILE, key
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
    sys.path.insert(0, str(RAN.parent))
    try:
        import pytest_ran
    finally:
        sys.path.remove(str(RAN.parent))
    assert pytest_ran.unit("Cart.total.<locals>.inner.<locals>.<lambda>") == "Cart.total"
    assert pytest_ran.key("größe/\udcff.py", "x") == key("größe/\udcff.py", "x")
    assert Path(pytest_ran.__file__) == RAN
