# SPDX-License-Identifier: GPL-2.0-only
"""The page that maps what goes wrong in a gate to tests names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROWS = re.findall(
    r"^\| .* \| `(tests/[\w/]+\.py)::(\w+)` \|$",
    (ROOT / "docs/reference/gate-evidence.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def test_the_page_has_its_rows() -> None:
    """Nineteen kinds of failure, nineteen steps and sixteen rows of other teams: none is without a test."""
    page = (ROOT / "docs/reference/gate-evidence.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.endswith("| test |")]
    assert len(rows) == len(ROWS) == 19 + 19 + 16


@pytest.mark.parametrize(("path", "name"), sorted(set(ROWS)))
def test_every_test_of_the_page_is_there(path: str, name: str) -> None:
    """Under exactly this name."""
    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
