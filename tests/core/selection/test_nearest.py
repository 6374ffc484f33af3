# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import time

import pytest

from buildbot_cd.core.selection.nearest import nearest

MANY = [f"tests/area_{number // 100:03}/test_{number:05}.py::test_it" for number in range(40_000)]


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("biling", ["billing", "cart"], "billing"),
        ("Cart", ["billing", "cart"], "cart"),
        ("xyz", ["billing", "cart"], None),
        ("a" * 500, ["a" * 499], None),
        ("x", [], None),
    ],
)
def test_the_name_that_was_meant(name: str, known: list[str], meant: str | None) -> None:
    """A slip of the pen is found; what is like nothing, or too long for a slip, is not."""
    assert nearest(name, known) == meant


def test_among_many_names_a_slip_at_the_end_is_found_quickly() -> None:
    """Of 40,000 ids the one that begins alike is found in well under a second."""
    start = time.process_time()
    assert nearest("tests/area_123/test_12345.py::test_ti", MANY) == MANY[12345]
    assert time.process_time() - start < 1.0
