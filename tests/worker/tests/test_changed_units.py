# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.core.selection.function_map import key
from tests.worker.tests.conftest import PROGRAM, events_in

if TYPE_CHECKING:
    from collections.abc import Mapping

TAX = """
RATE = 7

def rate():
    # once
    return RATE

def other():
    return 1
"""
CART = """
from shop import tax
from shop.tax import other as price
__all__ = ['total', 'Cart']

def total(x=1):
    return x * tax.RATE

class Cart:
    size = 3

    def add(self):
        return price()

def lonely():
    return 0

MADE = price()

def show():
    return MADE
"""
TEST = """
import shop

def test_total():
    assert shop.total() == 7

def test_stall(stall):
    pass

def pytest_generate_tests(metafunc):
    metafunc
"""
SHOP = {
    "shop/__init__.py": "from .cart import *\n",
    "shop/tax.py": TAX,
    "shop/cart.py": CART,
    "tests/conftest.py": "import pytest\n@pytest.fixture\ndef stall():\n    return 1\n",
    "tests/test_cart.py": TEST,
    "data.sql": "select 1",
}


class Repository:
    """A git repository with one commit, changed and compared."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.write(SHOP)
        subprocess.run(["git", "init", "-q"], cwd=top, check=True)
        self.commit()

    def commit(self) -> None:
        """Whatever changes after this is the change."""
        for words in (["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
            subprocess.run(["git", *words], cwd=self.top, check=True)

    def write(self, files: Mapping[str, str]) -> None:
        """Write files."""
        for name, text in files.items():
            (self.top / name).parent.mkdir(parents=True, exist_ok=True)
            (self.top / name).write_text(text)

    def change(self, path: str, old: str, new: str) -> None:
        """Replace text in a file."""
        text = (self.top / path).read_text()
        assert old in text
        (self.top / path).write_text(text.replace(old, new))

    def events(self, *imported: tuple[str, str]) -> list[dict[str, Any]]:
        """What is told, if an import ran these units."""
        data = struct.pack(f"<{len(imported)}I", *(key(*one) for one in imported))
        done = subprocess.run(
            [sys.executable, str(PROGRAM.parent / "changed_units.py")],
            cwd=self.top,
            input=json.dumps({"base": "HEAD", "imported": base64.b64encode(data).decode()}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return events_in(done.stdout)

    def parts(self, path: str, name: str) -> list[str]:
        """The parts of this function that changed, behind what says that they are told; empty for all of it."""
        return next(
            list(one.get("parts", ())) for one in self.events() if (one.get("path"), one.get("name")) == (path, name)
        )

    def told(self, *imported: tuple[str, str]) -> dict[str, set[str]]:
        """By kind of event ``path::name`` of each; functions of classes only, without what stands for lambdas."""
        found: dict[str, set[str]] = {"unit": set(), "read": set(), "below": set(), "end": set()}
        for event in self.events(*imported):
            name = "::".join(part for part in (event.get("path"), event.get("name")) if part)
            if event.get("inside"):
                found.setdefault("inside", set()).add(name)
            if "::<" not in name.replace("::<file>", "") and ".<" not in name:
                found.setdefault(event["event"], set()).add(name)
        return found


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A small shop."""
    return Repository(tmp_path)


def test_comments_and_layout_change_nothing(repository: Repository) -> None:
    """Functions that only moved, and new comments, touch no unit; the file is told as read."""
    repository.change("shop/tax.py", "    # once\n", '    """Rate."""\n\n')
    repository.change("shop/cart.py", "def total(", "\n\n# far below\ndef total(")
    told = repository.told()
    assert (told["unit"], told["read"]) == (set(), {"shop/tax.py", "shop/cart.py"})


def test_a_body_and_a_default_touch_their_function(repository: Repository) -> None:
    """Nothing else: whoever calls it ran it."""
    repository.change("shop/cart.py", "x=1", "x=2")
    repository.change("shop/cart.py", "return 0", "return 1")
    assert repository.told()["unit"] == {"shop/cart.py::total", "shop/cart.py::lonely"}


def test_a_variable_of_a_module_touches_who_uses_it(repository: Repository) -> None:
    """By name in its own file, as an attribute of the module elsewhere; not who uses another variable."""
    repository.change("shop/tax.py", "RATE = 7", "RATE = 8")
    assert repository.told()["unit"] == {"shop/tax.py::rate", "shop/cart.py::total"}


def test_a_decorator_touches_who_uses_the_name_through_other_modules(repository: Repository) -> None:
    """``from shop.cart import *`` in the package, and ``shop.total()`` in a test."""
    repository.change("shop/cart.py", "def total", "@staticmethod\ndef total")
    assert repository.told()["unit"] == {"shop/cart.py::total", "tests/test_cart.py::test_total"}


def test_a_class_attribute_touches_the_class(repository: Repository) -> None:
    """Its functions, and who uses its name."""
    repository.change("shop/cart.py", "size = 3", "size = 4")
    assert repository.told()["unit"] == {"shop/cart.py::Cart.add"}


def test_what_an_import_made_of_a_function_is_followed(repository: Repository) -> None:
    """A function that ran during an import is followed to what was made with it, and to who uses that."""
    repository.change("shop/tax.py", "return 1", "return 2")
    assert repository.told()["unit"] == {"shop/tax.py::other"}
    assert repository.told(("shop/tax.py", "other"))["unit"] == {"shop/tax.py::other", "shop/cart.py::show"}


def test_a_part_that_no_import_ran_is_not_followed(repository: Repository) -> None:
    """Of a function of several parts only those count that the import ran, if it told them."""
    repository.write({"shop/tax.py": TAX.replace("    return 1", "    if RATE > 9:\n        return 2\n    return 1")})
    repository.commit()
    repository.change("shop/tax.py", "return 2", "return 3")
    told, changed = repository.parts("shop/tax.py", "other")
    assert changed == f"{told}#1"
    made = {"shop/tax.py::other", "shop/cart.py::show"}
    for imported, units in (
        ((told, told + "#0"), set()),
        ((told, changed), made),
        ((), made),
        ((told, "other#"), made),
    ):
        ran = [("shop/tax.py", one) for one in ("other", *imported)]
        assert repository.told(*ran)["unit"] == {"shop/tax.py::other"} | units


def test_a_method_that_gets_another_decorator_touches_its_class(repository: Repository) -> None:
    """Unless that changes only what one gets by its name, or nothing collects the methods: who notices has run it."""
    repository.write(
        {
            "shop/cart.py": CART + "\nclass Till(Cart):\n    @property\n    def sum(self):\n        return 1\n"
            "    @price\n    def day(self):\n        return 1\n    def night(self):\n        return 1\n"
        }
    )
    repository.commit()
    repository.change("shop/cart.py", "    @property\n", "")
    assert repository.told()["unit"] == {"shop/cart.py::Till.sum"}
    repository.change("shop/cart.py", "    def add(", "    @price\n    def add(")
    assert repository.told()["unit"] == {"shop/cart.py::Till.sum", "shop/cart.py::Cart.add"}
    repository.change("shop/cart.py", "    @price\n    def day(", "    def day(")
    touched = {f"shop/cart.py::Till.{one}" for one in ("sum", "day", "night")}
    assert repository.told()["unit"] == touched | {"shop/cart.py::Cart.add"}


def test_files_that_are_no_python_are_units(repository: Repository) -> None:
    """Also new and removed ones."""
    repository.write({"data.sql": "select 2", "new.sql": ""})
    assert repository.told()["unit"] == {"data.sql::<file>", "new.sql::<file>"}


def test_a_fixture_that_comes_to_a_conftest_concerns_the_folder(repository: Repository) -> None:
    """Every test below may use it by itself; one that is made in another way touches who asks for it."""
    repository.change("tests/conftest.py", "@pytest.fixture\n", "@pytest.fixture(params=[1])\n")
    told = repository.told()
    assert told["unit"] == {"tests/conftest.py::stall", "tests/test_cart.py::test_stall"}
    assert told["below"] == set()
    repository.change("tests/conftest.py", "def stall", "def pytest_runtest_setup(): pass\n\ndef stall")
    assert repository.told()["below"] == {"tests"}


def test_a_file_that_cannot_be_read_is_a_unit_as_a_whole(repository: Repository) -> None:
    """Whoever ran anything of it."""
    repository.change("shop/tax.py", "def rate", "def (")
    assert repository.told()["unit"] == {"shop/tax.py::<file>"}


def test_a_function_that_goes_touches_who_named_it(repository: Repository) -> None:
    """It itself, and through another module's name for it what was made with that."""
    repository.change("shop/tax.py", "def other():\n    return 1\n", "")
    assert repository.told()["unit"] == {"shop/tax.py::other", "shop/cart.py::Cart.add", "shop/cart.py::show"}


def test_a_list_of_names_concerns_only_who_imports_all_of_them(repository: Repository) -> None:
    """``shop.total()`` goes through ``import *``; whoever imports ``total`` itself needs no list."""
    repository.write({"tests/test_own.py": "from shop.cart import total\n\ndef test_own():\n    assert total() == 7\n"})
    repository.change("shop/cart.py", "['total', 'Cart']", "['Cart']")
    assert repository.told()["unit"] == {"tests/test_cart.py::test_total", "tests/test_own.py::test_own"}
    subprocess.run(["git", "add", "tests"], cwd=repository.top, check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *who, "commit", "-qm", "x", "tests"], cwd=repository.top, check=True)
    assert repository.told()["unit"] == {"tests/test_cart.py::test_total"}


@pytest.mark.parametrize(
    ("old", "new"),
    [("['total', 'Cart']", "['total', 'Kart']"), ("class Cart:", "class Kart:"), ("def total", "def totals")],
)
def test_a_list_that_names_what_is_not_there_breaks_the_import_of_all_names(
    repository: Repository, old: str, new: str
) -> None:
    """Whoever imports the package that does ``import *`` is concerned, whatever it uses of it."""
    repository.change("shop/cart.py", old, new)
    assert "shop/__init__.py::<file>" in repository.told()["unit"]


def test_a_name_that_joins_the_list_and_is_there_breaks_nothing(repository: Repository) -> None:
    """A function and a variable of the file."""
    repository.change("shop/cart.py", "['total', 'Cart']", "['total', 'Cart', 'lonely', 'MADE']")
    assert "shop/__init__.py::<file>" not in repository.told()["unit"]


@pytest.mark.parametrize(
    ("old", "new", "inside"),
    [
        ("== 7", "== 8", True),
        ("def test_stall", "def test_more():\n    pass\n\ndef test_stall", True),
        ("def test_total", "@pytest.mark.slow\ndef test_total", True),
        ("def test_total", "@pytest.fixture(autouse=True)\ndef test_total", False),
        ("def test_stall", "def stall():\n    pass\n\ndef test_stall", False),
        ("import shop", "import shop\npytestmark = 1", False),
        ("    metafunc", "    print(metafunc)", False),
    ],
)
def test_a_file_in_which_only_bodies_and_tests_changed_is_told(
    repository: Repository, old: str, new: str, inside: bool
) -> None:
    """Anything that may act on the other tests of the file makes it a change of all of it."""
    repository.change("tests/test_cart.py", old, new)
    assert ("tests/test_cart.py" in repository.told().get("inside", set())) is inside


def test_who_looks_through_a_whole_module_need_not_name_what_changed(repository: Repository) -> None:
    """By ``__dict__`` as by ``vars()``."""
    looks = "import shop.tax\n\ndef test_names():\n    assert shop.tax.__dict__\n"
    repository.write({"tests/test_names.py": looks})
    subprocess.run(["git", "add", "tests"], cwd=repository.top, check=True)
    repository.change("shop/tax.py", "RATE = 7", "RATE = 8")
    assert "tests/test_names.py::test_names" in repository.told()["unit"]
