# SPDX-License-Identifier: GPL-2.0-only
"""The push that a hook is run for: which refs move, who pushes, and with what options."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_OPTIONS, LONGEST = 50, 1000
"""Push options that are looked at, and characters of each; people write them, so there may be any number of them."""

EMERGENCY = "cd.emergency"


@dataclass(frozen=True, slots=True)
class Update:
    """One ref. ``old`` and ``new`` are None where there is nothing: a new or a deleted ref."""

    ref: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Push:
    """``who`` is the push identity as the git server knows it, not what a commit claims."""

    updates: tuple[Update, ...]
    who: str
    options: tuple[str, ...]

    @classmethod
    def read(cls, stdin: bytes, identity: Sequence[str], environ: Mapping[str, str] = os.environ) -> Push:
        """From git's lines on stdin and from the environment."""
        rows = [row.decode("utf-8", "surrogateescape").split(" ", 2) for row in stdin.splitlines()]
        updates = tuple(Update(row[2], _sha(row[0]), _sha(row[1])) for row in rows if len(row) == 3)
        return cls(updates, _who(identity, environ), _options(environ))

    def of(self, ref: str) -> Update | None:
        """What happens to this ref."""
        return next((one for one in self.updates if one.ref == ref), None)

    @property
    def emergency(self) -> str | None:
        """What ``-o cd.emergency=`` says; None without it."""
        for one in self.options:
            key, _, value = one.partition("=")
            if key.strip() == EMERGENCY:
                return value.strip()
        return None


def _sha(text: str) -> str | None:
    return None if not text or set(text) == {"0"} else text


def _who(identity: Sequence[str], environ: Mapping[str, str]) -> str:
    for name in identity:
        if value := environ.get(name.strip(), "").strip():
            return value[:LONGEST]
    import pwd  # the account that the server runs the hook as, where every engineer has one

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _options(environ: Mapping[str, str]) -> tuple[str, ...]:
    count = environ.get("GIT_PUSH_OPTION_COUNT", "0")
    number = min(int(count), MOST_OPTIONS) if count.isdecimal() else 0
    return tuple(environ.get(f"GIT_PUSH_OPTION_{place}", "")[:LONGEST] for place in range(number))
