# SPDX-License-Identifier: GPL-2.0-only
"""Where Buildbot 4.2 and 4.3 want the same thing of a resource written differently.

4.2 has a GraphQL interface: there the type of an entity carries a second name, a root link is one word, and the
addresses of an endpoint are one text. 4.3 has none, and warns of a text. Both are asked what they take, and so is what
comes after them.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from buildbot.data import base, types

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GRAPHQL = "graphql_name" in inspect.signature(types.Entity.__init__).parameters
"""Whether this Buildbot has a GraphQL interface."""

ONE_TEXT = isinstance(base.Endpoint.pathPatterns, str)
"""Whether the addresses of an endpoint are one text."""


def entity(kind: type[types.Entity], name: str) -> types.Entity:
    """The type of the resource ``name`` ("cd_landing"), whose fields are the attributes of ``kind``.

    Its name in GraphQL ("CdLanding") is never seen: GraphQL starts from root links, and there ours are left out.
    """
    make: Callable[..., types.Entity] = kind
    return make(name, "".join(part.capitalize() for part in name.split("_"))) if GRAPHQL else make(name)


def addresses(patterns: Sequence[str]) -> list[str] | str:
    """An endpoint's addresses ("/cd/landings/n:id") as this Buildbot reads them."""
    return "\n".join(patterns) if ONE_TEXT else list(patterns)


class Addressed(base.Endpoint):
    """An endpoint whose ``pathPatterns`` are a list, and whose root link may have a slash, on every Buildbot."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = cls.__dict__.get("pathPatterns")
        if isinstance(own, list):
            cls.pathPatterns = addresses(own)
        if GRAPHQL and "/" in (cls.__dict__.get("rootLinkName") or ""):
            cls.rootLinkName = None  # its GraphQL would look for an address of that one word, and stop the master
