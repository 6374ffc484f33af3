# SPDX-License-Identifier: GPL-2.0-only
"""From plain values to sections, and from what pydantic objects to in them to problems that a person can act on."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from buildbot_cd.config.problems import Location, Problem, did_you_mean, nearest
from buildbot_cd.config.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

    from buildbot_cd.config.document import Document, Plain

S = TypeVar("S", bound=Section)

_MESSAGES = {
    "string_type": "should be text; put it in quotes",
    "bool_type": "should be true or false",
    "int_type": "should be a whole number",
    "float_type": "should be a number",
    "model_type": "should be a mapping of keys to values",
    "mapping_type": "should be a mapping of keys to values",
    "dict_type": "should be a mapping of keys to values",
    "tuple_type": "should be a list",
    "too_short": "should not be empty",
    "string_pattern_mismatch": "holds characters that are not allowed here",
}


def validate(model: type[S], value: Plain, document: Document) -> tuple[S | None, list[Problem]]:
    """Return `value` as a `model`, or None and everything that is wrong with it, each at its line of `document`."""
    if not isinstance(value, dict):
        return None, [document.problem((), "should be a mapping of keys to values")]
    empty = list(_empty_places(value, ()))
    problems = [
        document.problem(place, "is empty; give it a value, {} for its defaults, or leave the key out")
        for place in empty
    ]
    try:
        result = model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=True)
        return None, problems + [
            document.problem(detail["loc"], _message(model, detail))
            for detail in _without_echoes(model, details)
            if not any(detail["loc"][: len(place)] == place for place in empty)
        ]
    return (None, problems) if problems else (result, [])


def complaint(model: type[Section], **values: Any) -> str:
    """What is wrong with these values of a section, in the words of `validate`; empty if nothing is."""
    try:
        model(**values)
    except ValidationError as error:
        return _message(model, error.errors(include_url=False)[0])
    return ""


def _empty_places(value: Plain, location: Location) -> Iterator[Location]:
    """`gate:` with nothing behind it looks like a gate with its defaults, but YAML reads it as none at all."""
    if value is None:
        yield location
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _empty_places(child, (*location, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _empty_places(child, (*location, index))


def _without_echoes(model: type[Section], details: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Leave out what only follows from another error.

    That is "x is missing" where a misspelt x is told, a default that hangs on a value that is wrong, and "holds too
    few" of a list whose items are wrong.
    """
    meant = set()
    parents = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
    for detail in details:
        if detail["type"] == "extra_forbidden":
            *parent, key = detail["loc"]
            meant.add((*parent, nearest(str(key), _known_keys(model, tuple(parent)))))
    for detail in details:
        kind, location = detail["type"], detail["loc"]
        echo = (
            (kind == "missing" and location in meant)
            or (kind == "too_short" and location in parents)
            or kind == "default_factory_not_called"
        )
        if not echo:
            yield detail


def _message(model: type[Section], detail: ErrorDetails) -> str:
    kind, location = detail["type"], detail["loc"]
    if kind == "extra_forbidden":
        return "unknown key" + did_you_mean(str(location[-1]), _known_keys(model, location[:-1]))
    if kind == "missing":
        return "is missing"
    if kind == "literal_error":
        return _choice(detail)
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    said = detail["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("Tuple ")
    return said[:1].lower() + said[1:]


def _choice(detail: ErrorDetails) -> str:
    expected = detail.get("ctx", {}).get("expected", "")
    choices = [choice.strip("' ") for choice in expected.replace(" or ", ", ").split(",")]
    near = nearest(detail["input"], choices) if isinstance(detail["input"], str) else None
    return f"should be {' or '.join(choices)}" + (f", did you mean '{near}'?" if near else "")


def _known_keys(model: type[Section], location: Location) -> list[str]:
    """The keys of the section that stands at `location` of a `model`."""
    here: Any = model
    for part in location:
        inner = _section(here)
        if isinstance(part, str) and inner is not None and part in inner.model_fields:
            here = inner.model_fields[part].annotation
    found = _section(here)
    return list(found.model_fields) if found is not None else []


def _section(annotation: Any) -> type[Section] | None:
    """The section inside an annotation such as `X`, `X | None` or `tuple[X, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for inner in typing.get_args(annotation) if (found := _section(inner)) is not None), None)
