# SPDX-License-Identifier: GPL-2.0-only
"""Selectors of samples."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.immune.selectors import parse_selector

LABELS = {"code": "500", "method": "GET", "path": 'a"b,c}'}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http_total", True),
        ("other_total", False),
        ('http_total{code="500"}', True),
        ('http_total{code="50"}', False),
        ('http_total { code =~ "5.." , method != "HEAD" }', True),
        ('http_total{code!~"5.."}', False),
        ('http_total{absent=""}', True),
        ('http_total{absent!=""}', False),
        ('http_total{path="a\\"b,c}"}', True),
        ("http_total{}", True),
        ('http_total{code="500",}', True),
    ],
)
def test_what_is_meant(text: str, found: bool) -> None:
    """Equality and patterns, negated or not, hold for the whole value; a missing label is empty."""
    assert parse_selector(text).matches("http_total", LABELS) is found


@pytest.mark.parametrize(
    "text", ["", "rate(x[1m])", "a b", "a{code=500}", 'a{code="5}', 'a{code="5" method="x"}', 'a{code=~"("}', "1a"]
)
def test_what_is_no_selector(text: str) -> None:
    """Anything else is refused, and the text is shown."""
    with pytest.raises(ValueError, match=r"selector|labels|regular expression"):
        parse_selector(text)


@given(st.text(max_size=40))
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    """No text does anything else."""
    with contextlib.suppress(ValueError):
        assert text.strip().startswith(parse_selector(text).name)
