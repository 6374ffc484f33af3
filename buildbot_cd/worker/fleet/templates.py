# SPDX-License-Identifier: GPL-2.0-only
"""Placeholders of hosts in paths, URLs and arguments. Values are put in once and never looked at again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from buildbot_cd.errors import FleetError

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Place:
    """The values for one host."""

    name: str
    address: str
    root: str
    release: str
    role: str = ""


def expand(text: str, place: Place) -> str:
    """``text`` with {name}, {address}, {role}, {root} and {release} filled in; ``{{`` and ``}}`` are braces themselves.

    Other names in braces stay as they are.
    """

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        return found.group(0)[0] if name is None else str(getattr(place, name, found.group(0)))

    return _PLACEHOLDER.sub(value, text)


def check_template(text: str, key: str, allowed: tuple[str, ...]) -> None:
    """Refuse a placeholder that would be left as it is.

    :raises FleetError: naming the key and the placeholders that exist.
    """
    for name in _PLACEHOLDER.findall(text):
        if name and name not in allowed:
            known = ", ".join(f"{{{word}}}" for word in allowed)
            raise FleetError(f"{key}: unknown placeholder {{{name}}}; known are {known}")
