# SPDX-License-Identifier: GPL-2.0-only
"""The one way to hosts: ask for a verb, or fill the folder of a release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from buildbot_cd.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.worker.fleet.payload import Payload
    from buildbot_cd.worker.fleet.request import Target

Answer = dict[str, Any]


class HostError(FleetError):
    """One host did not do it.

    ``phase`` is unreachable, refused, failed or unhealthy; ``seen`` holds release and previous as the host told them.
    """

    def __init__(self, phase: str, text: str, seen: Answer | None = None) -> None:
        super().__init__(text)
        self.phase = phase
        self.seen = seen or {}


class Transport(Protocol):
    """How verbs and payloads reach hosts. Calls for different hosts run at the same time; both raise HostError."""

    async def call(self, target: Target, verb: str, timeout: float, **arguments: object) -> Answer:
        """Run a verb of host.py on the host and return its answer."""
        ...

    async def fill(self, target: Target, what: Mapping[str, Any], payload: Payload) -> Answer:
        """Have ``prepare`` make the partial folder and put the payload into it; the answer of ``prepare``.

        ``what`` holds release, manifest and fence. Nothing is copied if the answer says that it is complete.
        """
        ...

    async def close(self) -> None:
        """Give up all connections."""
        ...


def checked(answer: Answer) -> Answer:
    """The answer of a host, if it worked.

    :raises HostError: the host said why not.
    """
    if answer.pop("ok", False):
        return answer
    phase = answer.pop("kind", "failed")
    raise HostError(phase, answer.pop("error", "no reason given"), answer)
