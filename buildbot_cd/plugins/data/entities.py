# SPDX-License-Identifier: GPL-2.0-only
"""Where Buildbot 4.2 and 4.3 want the same thing of a resource written differently.

4.2 has a GraphQL interface: there the type of an entity carries a second name, and the addresses of an endpoint are one
text. 4.3 has neither, and warns of a text. Both are asked what they take, so that a later 4.x is asked as well.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from buildbot.data import base, types

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TWO_NAMES = "graphql_name" in inspect.signature(types.Entity.__init__).parameters
_ONE_TEXT = isinstance(base.Endpoint.pathPatterns, str)


def entity(kind: type[types.Entity], name: str) -> types.Entity:
    """The type of the resource ``name`` ("cd_landing"), whose fields are the attributes of ``kind``.

    Its name in GraphQL ("CdLanding") is never seen: GraphQL starts from root links, and ours have none.
    """
    make: Callable[..., types.Entity] = kind
    return make(name, "".join(part.capitalize() for part in name.split("_"))) if _TWO_NAMES else make(name)


def addresses(patterns: Sequence[str]) -> list[str] | str:
    """An endpoint's addresses ("/cd/landings/n:id") as this Buildbot reads them."""
    return "\n".join(patterns) if _ONE_TEXT else list(patterns)


class Addressed(base.Endpoint):
    """An endpoint whose ``pathPatterns`` are a list, on every Buildbot."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = cls.__dict__.get("pathPatterns")
        if isinstance(own, list):
            cls.pathPatterns = addresses(own)
