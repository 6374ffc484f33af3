# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from buildbot_cd.config.document import MAX_CHARACTERS, parse
from buildbot_cd.config.problems import ConfigErrors


def problems(text: str) -> list[str]:
    """The problems that reading `text` gives, as text."""
    with pytest.raises(ConfigErrors) as caught:
        parse(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_scalars_follow_yaml_1_2() -> None:
    """Words and times of day that YAML 1.1 turns into other things stay text."""
    value = parse("{a: on, b: no, c: 12:30, d: 2024-01-01, e: 0o7, f: 1_000, g: 12345678901234567890123}", "f").value
    assert value == {
        "a": "on", "b": "no", "c": "12:30", "d": "2024-01-01", "e": "0o7", "f": "1_000", "g": "12345678901234567890123",
    }  # fmt: skip
    assert parse("[1, -2, 1.5, 1e3, true, ~, null, '5']", "f").value == [1, -2, 1.5, 1000.0, True, None, None, "5"]


def test_an_empty_file_is_an_empty_mapping() -> None:
    """A file with nothing but comments says nothing, which is allowed."""
    assert parse("# nothing yet\n", "f").value == {}


def test_doubled_keys_are_refused_with_both_lines() -> None:
    """The second of two equal keys would silently win."""
    assert problems("a: 1\nb: {c: 1,\n  c: 2}\na: 2\n") == [
        "f.yaml:3: b.c: occurs twice, first in line 2",
        "f.yaml:4: a: occurs twice, first in line 1",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1,\nb: 2", "f.yaml:2: not valid YAML"),
        ("a: 1\n b: 2", "f.yaml:2: not valid YAML"),
        ("a: 1\n---\nb: 2", "f.yaml:2: not valid YAML"),
        ("a: *x", "f.yaml:1: not valid YAML"),
        ("a: 1\nb: \x07", "f.yaml:2: a character that YAML does not allow"),
        ("a: !!python/name:os.system x", "is not supported"),
        ("a: !!int x", "f.yaml:1: a: 'x' is no int"),
        ("a: !!float .nan", "f.yaml:1: a: '.nan' is no float"),
        ("a: 1e999", "is no float"),
        ("1: x", "a key must be text"),
        ("? [a]\n: x", "a key must be text"),
        ("<<: {a: 1}", "merge keys"),
        ('a: "\\ud800"', "lone surrogate"),
        ("a: &x [*x]", "inside itself"),
        ("a: " + "[" * 60 + "]" * 60, "too deeply nested"),
        ("[" * 20_000, "too deep"),
        ("#" * (MAX_CHARACTERS + 1), "larger than"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(text: str, said: str) -> None:
    """No text, however odd, ends in anything but a problem with its place."""
    assert said in problems(text)[0]


def test_a_bomb_of_aliases_is_refused() -> None:
    """Nine lines that stand for a thousand million values are not expanded."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    assert "too many" in problems("\n".join(lines))[0]


def test_what_a_key_holds_does_nothing_on_a_terminal() -> None:
    """Control characters in a key are shown, not obeyed."""
    assert problems('"\\e[2J": 1\n"\\e[2J": 2\n') == ["f.yaml:2: \\x1b[2J: occurs twice, first in line 1"]


def test_lines_are_those_of_keys_and_items() -> None:
    """A place in the file is found by the way to it; what is missing stands where it should be."""
    document = parse("a:\n  b:\n    - x: 1\n    -\n      y: 2\n", "f")
    assert document.line(("a", "b", 1, "y")) == 5
    assert document.line(("a", "b", 0)) == 3
    assert document.line(("a", "b")) == 2
    assert document.line(("a", "nothing")) == 1
    assert str(document.problem(("a", "b", "synthetic", 0, "x"), "bad")) == "f:3: a.b[0].x: bad"
