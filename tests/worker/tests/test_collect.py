# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.worker.tests.conftest import Project


def test_tests_are_told_with_what_they_say_of_themselves(project: Project) -> None:
    """Tags from every level, requirements made absolute, groups, files and lines."""
    project.write(
        t__test_a=(
            "import pytest\n"
            "pytestmark = pytest.mark.tags('shop')\n"
            "def test_one(): pass\n"
            "@pytest.mark.tags('cart', ['tax'])\n"
            "@pytest.mark.requires('test_one', 't/test_b.py')\n"
            "@pytest.mark.xdist_group('db')\n"
            "def test_two(): pass\n"
        )
    )
    one, two = project.collect("--strict-markers").of("test")
    assert one == {
        "event": "test",
        "nid": "pytest:t/test_a.py::test_one",
        "path": "t/test_a.py",
        "line": 3,
        "tags": ["shop"],
        "requires": [],
        "group": None,
    }
    assert sorted(two["tags"]) == ["cart", "shop", "tax"]
    assert two["requires"] == ["pytest:t/test_a.py::test_one", "t/test_b.py"]
    assert two["group"] == "db"


def test_ids_are_the_same_wherever_the_root_is(project: Project) -> None:
    """An ini file in a folder makes that pytest's root; ids still count from the top of the checkout."""
    project.write(sub__test_a="def test_it(): pass\n")
    (project.top / "sub" / "pytest.ini").write_text("[pytest]\n")
    assert [one["nid"] for one in project.collect("sub").of("test")] == ["pytest:sub/test_a.py::test_it"]


def test_a_file_that_cannot_be_imported_is_an_error_with_its_path(project: Project) -> None:
    """The other files are collected all the same, and the error says what is wrong."""
    project.write(test_bad="import nosuch\n", test_good="def test_it(): pass\n")
    said = project.collect()
    (error,) = said.of("error")
    assert (error["nid"], error["path"]) == ("pytest:test_bad.py", "test_bad.py")
    assert "No module named 'nosuch'" in error["text"]
    assert [one["nid"] for one in said.of("test")] == ["pytest:test_good.py::test_it"]


def test_a_broken_conftest_is_named(project: Project) -> None:
    """Pytest gives up at once; the event still says which file it was."""
    project.write(conftest="import nosuch\n", test_good="def test_it(): pass\n")
    said = project.collect()
    assert [one["path"] for one in said.of("error")] == ["conftest.py"]
    assert said.code != 0
    assert said.events[-1]["event"] == "end"


def test_a_mark_that_makes_no_sense_is_an_error(project: Project) -> None:
    """A tag that is no text is told with its test, not passed over."""
    project.write(test_a="import pytest\n@pytest.mark.tags(3)\ndef test_it(): pass\n")
    (error,) = project.collect().of("error")
    assert "takes names, not 3" in error["text"]


def test_no_tests_is_no_failure(project: Project) -> None:
    """pytest-split #26, #95: an empty collection (pytest's exit 5) is not red."""
    said = project.collect()
    assert said.code == 0
    assert said.events == [{"event": "end", "exit": 5, "count": 0}]


def test_long_events_are_cut_into_lines(project: Project) -> None:
    """A worker breaks lines over 4096 characters, so none is longer, and joined they are whole."""
    project.write(test_a="import pytest\n@pytest.mark.tags(*['tag%d' % i for i in range(2000)])\ndef test_it(): pass\n")
    (test,) = project.collect().of("test")
    assert len(test["tags"]) == 2000


def test_what_tests_print_does_not_get_between_the_lines(project: Project) -> None:
    """Output at import time goes to stderr, also that of child processes."""
    project.write(
        test_a="import os\nprint('{\"event\": \"forged\"}')\nos.system('echo from a child')\ndef test_it(): pass\n"
    )
    said = project.collect("-s")
    assert {one["event"] for one in said.events} == {"test", "end"}
    assert "forged" in said.stderr
