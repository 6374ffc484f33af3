# SPDX-License-Identifier: GPL-2.0-only
"""Selectors of samples, as Prometheus writes them: ``http_requests_total{code=~"5..", method!="HEAD"}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHOLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?", re.DOTALL)
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(,|$)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a label that is not there counts as empty, and a pattern must match all of it."""

    label: str
    operator: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the condition holds for a sample with these labels."""
        found = labels.get(self.label, "")
        same = re.fullmatch(self.value, found) is not None if "~" in self.operator else found == self.value
        return same != self.operator.startswith("!")


@dataclass(frozen=True, slots=True)
class Selector:
    """A sample's name and conditions on its labels."""

    name: str
    matchers: tuple[Matcher, ...] = ()

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a sample is meant."""
        return name == self.name and all(matcher.matches(labels) for matcher in self.matchers)


def parse_selector(text: str) -> Selector:
    """The selector in `text`; ValueError, with an example, when it is none."""
    found = _WHOLE.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f'{text!r} is no selector; write a name, or a name with labels: http_errors_total{{code="500"}}'
        )
    name, inside = found.groups()
    matchers, at = [], 0
    inside = (inside or "").strip()
    while at < len(inside):
        one = _MATCHER.match(inside, at)
        if one is None:
            raise ValueError(f'{text!r}: labels are written like code="500", with =, !=, =~ or !~ between them')
        matchers.append(_matcher(text, one[1], one[2], _ESCAPE.sub(_unescape, one[3])))
        at = one.end()
    return Selector(name, tuple(matchers))


def _unescape(found: re.Match[str]) -> str:
    return {"n": "\n"}.get(found[1], found[1])


def _matcher(text: str, label: str, operator: str, value: str) -> Matcher:
    if "~" in operator:
        try:
            re.compile(value)
        except re.error as problem:
            raise ValueError(f"{text!r}: {value!r} is no regular expression: {problem}") from None
    return Matcher(label, operator, value)
