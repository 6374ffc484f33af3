# SPDX-License-Identifier: GPL-2.0-only
"""The changes of the demo do what the story says of them."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buildbot_cd.cli.demo import patches
from buildbot_cd.errors import CdError

ALL = patches.GOOD + patches.BAD
Tests = Callable[[Path], "subprocess.CompletedProcess[str]"]


def test_shop_passes_its_tests(tree: Path, shop_tests: Tests) -> None:
    """The founding state is green."""
    done = shop_tests(tree)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_good_changes_and_those_that_tests_miss_are_green(tree: Path, shop_tests: Tests) -> None:
    """All good changes, the failing offers and the blue button together pass the shop's tests."""
    for patch in (*patches.GOOD, patches.failing_offers, patches.blue_button):
        patches.apply(patch(tree), tree)
    done = shop_tests(tree)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("patch", "test"), [(patches.broken_cart, "tests/test_cart.py"), (patches.broken_signup, "tests/test_signup.py")]
)
def test_breaking_changes_are_red(tree: Path, shop_tests: Tests, patch: patches.Patch, test: str) -> None:
    """A breaking change fails a test of the part that it names."""
    patches.apply(patch(tree), tree)
    done = shop_tests(tree)
    assert done.returncode == 1
    assert f"FAILED {test}" in done.stdout


def test_the_forgotten_tag_is_forgotten(tree: Path) -> None:
    """The change touches the cart and names the pages only."""
    change = patches.forgotten_tag(tree)
    assert "shop/cart.py" in change.files
    assert change.message.endswith("\n\nTags: pages\n")


def test_changes_apply_in_any_order(tree: Path) -> None:
    """Two changes give the same files whichever comes first, and each applied again changes nothing."""
    base = {path: path.read_text() for path in tree.rglob("*") if path.is_file()}
    for pair in itertools.combinations(ALL, 2):
        results = []
        for order in (pair, pair[::-1]):
            for path, text in base.items():
                path.write_text(text)
            for patch in order:
                patches.apply(patch(tree), tree)
            assert [patch(tree).files for patch in order] == [{}, {}]
            results.append({path: path.read_text() for path in base})
        assert results[0] == results[1]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(ALL))
def test_all_changes_together(tree: Path, order: list[patches.Patch]) -> None:
    """Any order of all changes ends in one state."""
    texts: dict[str, str] = {}
    for path in ("shop/cart.py", "shop/signup.py", "shop/pages/style.py"):
        texts[path] = (tree / path).read_text()
    for patch in order:
        patches.apply(patch(tree), tree)
    assert all(patch(tree).files == {} for patch in ALL)
    for path, text in texts.items():
        (tree / path).write_text(text)


def test_another_shop_is_refused(tmp_path: Path, tree: Path) -> None:
    """A tree that is not the demo's, or not any more, gives an error that names the file."""
    with pytest.raises(CdError, match="no clone of the demo's shop"):
        patches.broken_cart(tmp_path)
    (tree / "shop/cart.py").write_text("# all new\n")
    with pytest.raises(CdError, match=r"shop/cart\.py is not the demo's"):
        patches.broken_cart(tree)
