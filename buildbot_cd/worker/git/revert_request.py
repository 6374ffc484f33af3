# SPDX-License-Identifier: GPL-2.0-only
"""The request of verb ``revert``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.worker.git.request import BadRequest

if TYPE_CHECKING:
    from buildbot_cd.worker.git.request import Fields, Identity, Range


@dataclass(frozen=True, slots=True)
class Ask:
    """``key`` names the revert for ever; ``tested`` is where the replay starts; ``jitter`` is in seconds.

    ``max_cascade``: so many landings may be taken back because they depend on those asked for; ``max_engineers``: so
    many engineers may lose work that way.
    """

    key: str
    tested: str
    bad: tuple[Range, ...]
    survivors: tuple[Range, ...]
    known_tip: str | None
    author: Identity
    when: int
    subject: str
    body: str
    trailers: tuple[tuple[str, str], ...]
    reason: str
    max_cascade: int
    max_engineers: int
    shadow: bool
    jitter: float

    @classmethod
    def read(cls, fields: Fields) -> Ask:
        """Raises BadRequest."""
        bad = fields.ranges("bad")
        if not bad:
            raise BadRequest("request: bad must name at least one landing")
        return cls(
            key=fields.plain("key"),
            tested=fields.sha("tested"),
            bad=bad,
            survivors=fields.ranges("survivors"),
            known_tip=fields.maybe_sha("known_tip"),
            author=fields.identity("author"),
            when=int(fields.number("when")),
            subject=fields.text("subject"),
            body=fields.text("body", ""),
            trailers=fields.trailers("trailers"),
            reason=fields.text("reason", ""),
            max_cascade=int(fields.number("max_cascade", 3)),
            max_engineers=int(fields.number("max_engineers", 2)),
            shadow=fields.flag("shadow"),
            jitter=fields.number("jitter", 5.0),
        )

    @property
    def shas(self) -> tuple[str | None, ...]:
        """Every commit that the request names."""
        ends = (sha for one in (*self.bad, *self.survivors) for sha in (one.base, one.head))
        return (self.tested, self.known_tip, *ends)

    @property
    def stops(self) -> tuple[str, ...]:
        """Commits that were trunk's tip once."""
        return tuple(sha for sha in self.shas[1:] if sha is not None)
