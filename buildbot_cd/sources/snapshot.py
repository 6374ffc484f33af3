# SPDX-License-Identifier: GPL-2.0-only
"""What every source gives: the numbers of the hosts at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class HostAddress:
    """A host: its name in the fleet, the address under which it is reached, and what it does."""

    name: str
    address: str
    role: str = "default"

    def fill(self, template: str) -> str:
        """`template` with `{name}`, `{address}` and `{role}` filled in, and nothing else in it touched."""
        return template.replace("{name}", self.name).replace("{address}", self.address).replace("{role}", self.role)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The numbers of all hosts that answered, and why the others did not.

    time: when it was taken, seconds since the epoch. values: host name -> metric name -> cumulated counter or gauge,
    summed over label sets. errors: host name -> reason, for hosts without an answer that can be used.
    """

    time: float
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


def names_host(template: str) -> bool:
    """Whether a template differs from host to host."""
    return "{name}" in template or "{address}" in template


class Source(Protocol):
    """A metric provider."""

    async def read(self, hosts: Sequence[HostAddress]) -> Snapshot:
        """Read all hosts once. One dead host is an entry in `errors`.

        Raises SourceError when the provider itself gave no usable answer.
        """

    async def close(self) -> None:
        """Give back connections."""
