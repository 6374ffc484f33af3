# SPDX-License-Identifier: GPL-2.0-only
"""What people are told, and the page of the reference that shows one message of each kind."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import buildbot_cd
from buildbot_cd.core.landing.message import SUBJECTS, WIDTH, compose
from buildbot_cd.core.landing.values import Landing, State

PAGE = Path(buildbot_cd.__file__).parents[1] / "docs" / "reference" / "messages.md"
PAGES = "https://ci.example.org/"
BASE, HEAD = "1f0c6a4e9b7d" + "0" * 28, "c81d2e5f3a6b" + "0" * 28
SHA = "9e4b7c2d1a58" + "0" * 28
TEST = "pytest:tests/test_cart.py::test_total_is_rounded"
LANDING = Landing(7, "shop", BASE, HEAD, "ada@example.org", "Round prices to the cent")
EVIDENCE = (
    "errors is 3.4 times (2.1 to 5.2) that of the control hosts: 812 in 2.41e+04 against 5321 in 5.37e+05; "
    "a harmless release would look like this in fewer than 0.001 of all watches."
)
EXAMPLES: dict[str, tuple[str, dict[str, Any], str]] = {
    "your_turn": ("it holds the test slot", {}, "it is tested now"),
    "passed": ("41 tests passed", {}, "its tests passed; it waits for the deploy slot"),
    "settling": ("r7-c81d2e5f3a6b is live on 800 of 800 hosts", {}, "all hosts have it, and it is watched on"),
    "live": ("watched to the end on the whole fleet: ok", {}, "it has come to its end"),
    "rolled_back": (
        EVIDENCE,
        {"failing": ["metric errors"], "hosts": 35, "fleet": 800, "rollout": 12},
        "every host is back on what it carried before",
    ),
    "reverted": (
        "pytest:tests/test_cart.py::test_total_is_rounded and 1 more failed twice on different workers",
        {"failing": [TEST, "pytest:tests/test_pages.py::test_basket"], "sha": SHA},
        "its commits were taken back on trunk",
    ),
    "evicted": (
        "shop/cart.py builds on landing 6, which was taken back; push it again once that is back",
        {"sha": SHA, "cause": 6},
        "it could not stay without another one that was taken back",
    ),
    "escaped": (
        "",
        {
            "reason": f"{TEST} fails on trunk since then, and the gate did not see it: missing tag cart on landing 7 "
            f"({HEAD[:12]}). A rule is proposed: `buildbot-cd escapes 3 --patch`.",
            "failing": [TEST],
        },
        "a failure that the backstop found was traced to it",
    ),
    "retest": (
        "retested without landing 6, which is being taken back",
        {"cause": 6},
        "another one fell away beneath it",
    ),
    "held": (
        "",
        {"reason": "tests/test_signup.py::test_mail fails on the tested revision too: not this change"},
        "something else is in the way; it is tried again by itself",
    ),
    "halted": (
        "",
        {"reason": "3 reverts within the last hour (gate.reverts.per_hour is 3): look before going on"},
        "a person has to look",
    ),
    "bypassed": (
        "trunk was rewritten by hand and taken as it stands by ops@example.org: history was cleaned up",
        {},
        "trunk was rewritten by hand, and taken as it stands",
    ),
}
"""By kind: the landing's reason, the notice's payload, and when it is told."""

PEOPLE = ("ada", "ops@")


def example(what: str) -> Any:
    """The message of the page's example."""
    reason, payload, _ = EXAMPLES[what]
    return compose(f"shop/7/notify/{what}/1.0", what, replace(LANDING, reason=reason), payload, "shop", PAGES)


def written() -> str:
    """The examples as the page has them."""
    parts = []
    for what, (_, _, when) in EXAMPLES.items():
        message = example(what)
        parts.append(f"### {what}\n\nWhen {when}.\n\n```text\nSubject: {message.subject}\n\n{message.body}```\n")
    return "\n".join(parts)


def test_the_reference_shows_every_message_as_it_is_sent() -> None:
    """CD_WRITE_EXAMPLES=1 writes them anew."""
    text = PAGE.read_text("utf-8")
    before, mark, _ = text.partition("<!-- examples -->\n")
    assert mark
    if os.environ.get("CD_WRITE_EXAMPLES"):
        PAGE.write_text(f"{before}{mark}\n{written()}", "utf-8")
    assert PAGE.read_text("utf-8") == f"{before}{mark}\n{written()}"


def test_there_is_an_example_of_every_kind() -> None:
    """None is left out."""
    assert set(EXAMPLES) == set(SUBJECTS)


@pytest.mark.parametrize("what", sorted(SUBJECTS))
def test_no_message_names_a_person(what: str) -> None:
    """Neither who pushed it, to whom it is sent, nor who ordered what became of it."""
    message = example(what)
    assert not any(one in f"{message.subject}{message.body}" for one in PEOPLE)


@pytest.mark.parametrize(
    "reason",
    [
        "rolled back by ops@x: too slow",
        "withdrawn by ops@x",
        "held by ops@x: wait",
        "emergency, by ops@x: the shop is down",
    ],
)
def test_an_order_is_told_without_who_gave_it(reason: str) -> None:
    """The reason stays; the name is in the record."""
    body = compose("i", "rolled_back", replace(LANDING, reason=reason), {}, "shop", PAGES).body
    assert "ops@x" not in body
    assert reason.partition(": ")[2] in body


@pytest.mark.parametrize(
    ("what", "failing", "subject"),
    [
        ("reverted", [TEST], "tests/test_cart.py::test_total_is_rounded failed; taken back: Round prices to the cent"),
        ("reverted", [TEST, "x", "y"], "tests/test_cart.py::test_total_is_rounded and 2 more failed; taken back: Rou"),
        ("reverted", ["builder:lint"], "check lint failed; taken back: Round prices to the cent"),
        ("reverted", [], "Taken back: Round prices to the cent"),
        ("rolled_back", ["metric errors"], "metric errors got worse; rolled back: Round prices to the cent"),
        ("rolled_back", ["health of web-3"], "health of web-3 failed; rolled back: Round prices to the cent"),
        ("rolled_back", [], "Rolled back: Round prices to the cent"),
    ],
)
def test_the_subject_is_what_failed(what: str, failing: list[str], subject: str) -> None:
    """The first test or metric, how many more there were, and the change; the change alone where nothing failed."""
    assert compose("i", what, LANDING, {"failing": failing, "sha": SHA}, "shop", PAGES).subject.startswith(subject)


def test_a_gate_that_only_watches_says_so() -> None:
    """In shadow nothing was taken back, and the message does not say that it was."""
    message = compose("i", "reverted", LANDING, {"failing": [TEST], "sha": None}, "shop", PAGES)
    assert "would have been taken back" in message.subject
    assert "None" not in message.body


def test_a_command_of_a_message_is_one_that_can_be_pasted() -> None:
    """A test's id comes from the repository: a shell takes it as one word, whatever it holds."""
    odd = "pytest:tests/a.py::test_b[it's $(touch x)]"
    line = next(one for one in told([odd]).splitlines() if "pytest" in one and one.startswith("To see"))
    assert shlex.split(line.partition(": ")[2]) == ["python", "-m", "pytest", odd.removeprefix("pytest:")]


def told(failing: list[str]) -> str:
    """The body about tests that failed."""
    return compose("i", "reverted", LANDING, {"failing": failing, "sha": SHA}, "shop", PAGES).body


def test_many_failures_are_counted_and_some_are_listed() -> None:
    """Ten of them, and how many more there are."""
    body = told([f"pytest:tests/a.py::test_{number}" for number in range(14)])
    assert len(re.findall(r"^  tests/a.py", body, re.MULTILINE)) == 10
    assert "... and 4 more" in body


@given(st.text(), st.sampled_from(sorted(SUBJECTS)), st.lists(st.text(), max_size=3))
def test_a_subject_is_one_printable_line_whatever_a_commit_says(subject: str, what: str, failing: list[str]) -> None:
    """Neither a commit's first line nor a test's name can add a header to a mail."""
    landing = Landing(1, "trunk", "a" * 40, "b" * 40, "x@example.org", subject, State.REVERTED)
    found = compose("i", what, landing, {"failing": failing}, "trunk", PAGES).subject
    assert found.isprintable()
    assert len(found) <= WIDTH
