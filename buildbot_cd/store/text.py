# SPDX-License-Identifier: GPL-2.0-only
"""Texts and JSON on their way into the database: what no database can hold is replaced here, at the border."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BIGGEST = 2**63 - 1
LONGEST_KEY = 1200
"""Bytes of UTF-8. PostgreSQL's index rows end at 2704 bytes, and some hold two such texts."""


def clean(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD; PostgreSQL refuses both, and commits may hold them."""
    return _UNSTORABLE.sub("\ufffd", text)


def fits_key(text: str) -> bool:
    """Whether `as_key` takes the text."""
    return len(clean(text).encode()) <= LONGEST_KEY


def as_key(text: str, what: str) -> str:
    """The cleaned text, for a column that is looked up by. Raises StoreError if no index can hold it."""
    cleaned = clean(text)
    if not fits_key(text):
        size = len(cleaned.encode())
        raise StoreError(
            f"{what} {cleaned[:60]!r}... has {size} bytes; {LONGEST_KEY} can be kept: give it a shorter name"
        )
    return cleaned


def clean_or_none(text: str | None) -> str | None:
    """As `clean`, for a text that may be missing."""
    return None if text is None else clean(text)


def to_json(value: Any) -> str:
    """The value as JSON text, its strings cleaned. Raises StoreError if it is not JSON."""
    try:
        return json.dumps(_cleaned(value), sort_keys=True)
    except (TypeError, ValueError) as error:
        raise StoreError(f"cannot be stored as JSON: {error}") from error


def from_json(text: str) -> Any:
    """The value of a JSON text that `to_json` wrote."""
    return json.loads(text)


def as_stored(value: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping as it comes back from the database: a fresh copy, tuples as lists, keys as strings."""
    stored: dict[str, Any] = from_json(to_json(value))
    return stored


def fits(ident: int) -> bool:
    """True if the number can be an id; others (from a URL, say) name no row and are not sent to the database."""
    return 0 < ident <= _BIGGEST


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key) if isinstance(key, str) else key: _cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return _cleaned({key: value[key] for key in value.keys()})  # noqa: SIM118 - a mapping that is no dict
    return value
