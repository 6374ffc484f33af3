# SPDX-License-Identifier: GPL-2.0-only
"""Types of fields that Buildbot's data API lacks, and short names for those that are everywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from buildbot.data import types

if TYPE_CHECKING:
    from collections.abc import Iterator


class Number(types.Instance):
    """A number with fractions: moments in seconds since the epoch, durations in seconds, rates."""

    name = "number"
    types = (int, float)
    ramlType = "number"
    graphQLType = "Float"

    def valueFromString(self, arg: Any) -> float:
        """From a query's text; ValueError becomes Buildbot's error of a filter."""
        return float(arg)


class Json(types.Type):
    """Anything that JSON can hold; not to be filtered by."""

    name = "json"
    ramlname = "object"
    graphQLType = "JSON"

    def validate(self, name: str, object: Any) -> Iterator[str]:
        """Buildbot's check of answers: yields what is wrong."""
        try:
            json.dumps(object, allow_nan=False)
        except (TypeError, ValueError) as error:
            yield f"{name} is not JSON: {error}"

    def toRaml(self) -> str:
        """Buildbot's own description."""
        return "object"


def maybe(one: types.Type) -> types.Type:
    """The same, or null."""
    return types.NoneOk(one)


def texts() -> types.Type:
    """A list of texts."""
    return types.List(of=types.String())


def ids() -> types.Type:
    """A list of ids."""
    return types.List(of=types.Integer())
