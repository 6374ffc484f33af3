# SPDX-License-Identifier: GPL-2.0-only
"""One host of the fleet, as the inventory gives it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from buildbot_cd.errors import ConfigError

# A leading dot or dash is refused: names become directory names, addresses become arguments of programs.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_ADDRESS = re.compile(r"[A-Za-z0-9_:\[][A-Za-z0-9._:%\[\]-]*")
DEFAULT_ROLE = "host"


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that carries the release.

    ``name`` is unique in the fleet and stable; ``address`` is what is connected to (several hosts may share one);
    ``role`` groups hosts that do the same work, and stages are drawn from each role in proportion; ``port`` is that of
    its sshd, None for the fleet's usual one.

    :raises ConfigError: a field has characters that are not allowed.
    """

    name: str
    address: str
    role: str = DEFAULT_ROLE
    port: int | None = None

    def __post_init__(self) -> None:
        _must_match(_NAME, "host name", self.name, "letters, digits, '.', '_' and '-', not starting with '.' or '-'")
        _must_match(_ADDRESS, f"address of host {self.name}", self.address, "a host name or an IP address")
        _must_match(_NAME, f"role of host {self.name}", self.role, "letters, digits, '.', '_' and '-'")
        if self.port is not None and (type(self.port) is not int or not 1 <= self.port <= 65535):
            raise ConfigError(f"port of host {self.name} {self.port!r} is not usable: it must be 1 to 65535")


def _must_match(pattern: re.Pattern[str], what: str, value: object, allowed: str) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ConfigError(f"{what} {value!r} is not usable: it must be {allowed}")
