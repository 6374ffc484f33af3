# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import re
from pathlib import Path

import buildbot_cd

ROOT = Path(buildbot_cd.__file__).parents[1]


def test_every_test_of_the_list_is_there() -> None:
    """Each row of the page that applies to us names a file and a test in it; and each test of this folder is named."""
    page = (ROOT / "docs/reference/complaints.md").read_text("utf-8")
    rows = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(rows) >= 20
    for path, name in rows:
        assert f"def {name}(" in (ROOT / path).read_text("utf-8"), f"{path}::{name}"
    own = re.findall(
        r"^def (test_\w+)", (ROOT / "tests/complaints/test_complaints.py").read_text("utf-8"), re.MULTILINE
    )
    assert set(own) == {name for path, name in rows if path.startswith("tests/complaints/")}
