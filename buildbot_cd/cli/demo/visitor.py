# SPDX-License-Identifier: GPL-2.0-only
"""One person's visit to the shop, as the requests it makes."""

from __future__ import annotations

from collections.abc import Generator
from random import Random
from typing import NamedTuple

from buildbot_cd.cli.demo.eyesight import sees_button

PRODUCTS = ("kettle", "teapot", "mug", "plate", "bowl", "spoon", "whisk", "pan", "pot", "towel", "apron", "lamp")
KINDS = ("kitchen", "table", "linen", "home")
SIGN_UP_SHARE = 0.7


class Call(NamedTuple):
    """What a person's browser asks for; a body makes it a POST."""

    path: str
    body: str = ""


class Seen(NamedTuple):
    """What came back; status 0 means that nothing did."""

    status: int
    page: str


Visit = Generator[Call, Seen, None]


def visit(number: int, rng: Random, share: float = SIGN_UP_SHARE) -> Visit:
    """Look at the first page, browse, fill a cart, and sign up with probability `share`, if the button can be seen.

    Who gets no proper page goes away.
    """
    first = yield Call("/")
    if first.status != 200:
        return
    wants_card = rng.random() < share and sees_button(first.page)
    if rng.random() < 0.6:
        listing = yield Call(f"/catalogue?kind={rng.choice(KINDS)}")
        if listing.status != 200:
            return
    chosen = ",".join(f"{name}:{rng.randint(1, 4)}" for name in rng.sample(PRODUCTS, rng.randint(1, 3)))
    cart = yield Call(f"/cart?items={chosen}")
    if wants_card and cart.status == 200:
        yield Call("/signup", f"email=visitor-{number}%40example.org")
