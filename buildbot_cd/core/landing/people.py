# SPDX-License-Identifier: GPL-2.0-only
"""Whose push it is: one engineer under several addresses, bots as a class of their own, who may use the fast lane."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BOT = "bot:"
"""Prefix of the engineer of a bot's pushes."""

UNKNOWN = "unknown"


def same_person(engineer: str, who: str) -> bool:
    """True if the push identity is this engineer; an account's plain name is compared with the mailbox's."""
    one, other = engineer.lower(), who.lower()
    return one == other or ("@" not in other and one.partition("@")[0] == other)


@dataclass(frozen=True, slots=True)
class Push:
    """What the git server's hook told: ``who`` pushed ``base..head``, and with which push options."""

    base: str
    head: str
    who: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class People:
    """What the team configured. All addresses and logins are in lower case.

    ``names`` maps each address or login of an engineer to one name; ``bots`` are addresses of programs that commit;
    ``emergency`` are the engineers (names, or addresses without one) that may use the fast lane.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    bots: frozenset[str] = frozenset()
    emergency: frozenset[str] = frozenset()

    def called(self, address: str) -> str:
        """The engineer with this address or login: by name, or by the address itself; bots are marked."""
        found = address.strip().lower() or UNKNOWN
        return BOT + found if found in self.bots else self.names.get(found, found)

    def owner(self, push: Push | None, committer: str, author: str) -> str:
        """Who is tested, named and told: who pushed, where the server says so, else the committer, else the author.

        A bot that commits for somebody, as web pages of git servers do, hands the commit on to its author.
        """
        if push is not None and push.who.strip():
            return self.called(push.who)
        known = [self.called(one) for one in (committer, author) if one.strip()]
        return next((one for one in known if not one.startswith(BOT)), known[0] if known else UNKNOWN)

    def may_hurry(self, push: Push | None) -> bool:
        """True if the push may use the fast lane. Only the server's word counts: commits can be forged."""
        return push is not None and self.hurries(push.who)

    def hurries(self, who: str) -> bool:
        """True if this push identity may use the fast lane."""
        return self.called(who) in self.emergency
