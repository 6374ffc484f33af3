# SPDX-License-Identifier: GPL-2.0-only
"""The base of all sections of a configuration, and the kinds of text that they hold."""

from __future__ import annotations

import re
import string
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from buildbot_cd.config.problems import did_you_mean

PLACEHOLDERS = ("name", "address", "role", "release")
"""What a command on a host may name in braces."""


class Section(BaseModel):
    """A mapping in a configuration file: frozen, and without keys that nobody knows."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def _one_line(text: str) -> str:
    if not text.strip():
        raise ValueError("should not be empty")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("should be one line without control characters")
    return text


def _no_option(text: str) -> str:
    """A name that begins with `-` would be taken for an option by the program that it is handed to."""
    if text.startswith("-"):
        raise ValueError("should not begin with '-'")
    return text


def _branch(text: str) -> str:
    """The rules of `git check-ref-format --branch`, so that a typing error shows here and not in the first push."""
    forbidden = re.search(r"\.\.|[\s~^:?*\[\\]|@\{|//|/$|^/|\.$|\.lock(?:/|$)|(?:^|/)\.", text)
    if forbidden is not None or text == "@":
        raise ValueError("is no name that git allows for a branch")
    return text.removeprefix("refs/heads/")


def _relative(text: str) -> str:
    if text.startswith("/") or ".." in text.split("/"):
        raise ValueError("should be a path inside the checkout: relative, without '..'")
    return text


def check_placeholders(text: str, allowed: tuple[str, ...]) -> str:
    """Return `text` if its `{...}` are among `allowed`; `{{` stands for a brace.

    Raises:
        ValueError: another name, a format or a lone brace.
    """
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"{error}; a brace itself is written twice") from error
    for _, field, spec, conversion in parts:
        if field is None:
            continue
        if field not in allowed:
            raise ValueError(f"unknown placeholder '{{{field}}}'{did_you_mean(field, allowed)}")
        if spec or conversion:
            raise ValueError(f"'{{{field}}}' takes no format")
    return text


def _host_text(text: str) -> str:
    return check_placeholders(text, PLACEHOLDERS)


def _host_place(text: str) -> str:
    return check_placeholders(text, ("name", "address", "role"))


def _argv(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError('should be a list of arguments, such as ["make", "dist"]; no shell reads it')  # noqa: TRY004
    return value


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"holds {', '.join(twice)} more than once")
    return values


Text = Annotated[str, AfterValidator(_one_line)]
Name = Annotated[Text, AfterValidator(_no_option), Field(max_length=200)]
Branch = Annotated[Name, AfterValidator(_branch)]
RelativePath = Annotated[Name, AfterValidator(_relative)]
HostText = Annotated[Text, AfterValidator(_host_text)]
HostPlace = Annotated[Text, AfterValidator(_host_place)]
"""As HostText, for what holds for a host whatever release it carries."""

_Program = Field(min_length=1)
Argv = Annotated[tuple[Text, ...], BeforeValidator(_argv), _Program]
HostArgv = Annotated[tuple[HostText, ...], BeforeValidator(_argv), _Program]
Names = Annotated[tuple[Name, ...], AfterValidator(_unique)]
Globs = Annotated[tuple[Name, ...], BeforeValidator(_list), Field(min_length=1)]
"""One glob or a list of them; `*` stops at `/`, `**` does not."""
