# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.selection import Declared, declared


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Fix\n\nTags: cart, tax", Declared(("cart", "tax"))),
        ("Fix\n\nBecause.\n\ntags: cart\nTAGS: tax cart", Declared(("cart", "tax"))),
        ("Fix\n\nTags: cart,\n  tax\nChange-Id: I1", Declared(("cart", "tax"))),
        ("Tags: cart", Declared()),
        ("Fix\n\nTags: cart\n\nThat was all.", Declared()),
        ("Fix\r\n\r\nTags: cart\r\n", Declared(("cart",))),
        ("Fix\n\nTests: +a/t.py::f", Declared(tests=("a/t.py::f",))),
        ("Fix\n\nTests: +t.py::f[1, 2], +t.py::g", Declared(tests=("t.py::f[1, 2]", "t.py::g"))),
        ("Fix\n\nTests: t.py", Declared(tests=("t.py",))),
        ("Fix\n\nTags: cafe\u0301", Declared(("caf\u00e9",))),
        ("Fix\n\nTags:", Declared()),
    ],
)
def test_trailers_are_read(message: str, said: Declared) -> None:
    """Keys in any case, lists by comma or blank, folded lines; only the last paragraph counts, never the subject."""
    assert declared([message]) == said


@pytest.mark.parametrize(("value", "runs"), [("yes", True), ("", True), ("maybe", True), ("no", False), ("OFF", False)])
def test_run_all_holds_unless_it_says_no(value: str, runs: bool) -> None:
    """What cannot be read runs more tests, not fewer."""
    assert declared([f"Fix\n\nRun-All: {value}"]).run_all is runs


def test_messages_add_up() -> None:
    """A landing of several commits wants what any of them wants, each name once."""
    assert declared(["a\n\nTags: x", "b\n\nTags: y, x\nRun-All: no", "c\n\nRun-All: yes"]) == Declared(
        ("x", "y"), (), True
    )


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5, unique=True))
def test_git_reads_the_same(tags: list[str]) -> None:
    """What git's own interpret-trailers finds under Tags is what we find."""
    message = f"Subject\n\nBody text.\n\nReviewed-by: A <a@b>\nTags: {', '.join(tags)}\n"
    done = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=message, capture_output=True, text=True, check=True
    )
    values = [line.removeprefix("Tags: ") for line in done.stdout.splitlines() if line.startswith("Tags: ")]
    assert declared([message]).tags == tuple(", ".join(values).split(", "))


@given(st.text(max_size=200))
def test_no_message_is_trouble(text: str) -> None:
    """Any text is read without an error."""
    declared([text, "s\n\n" + text])
