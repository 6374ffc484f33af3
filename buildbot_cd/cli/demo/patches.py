# SPDX-License-Identifier: GPL-2.0-only
"""The changes that the demo's engineers make to the shop.

Each function looks at a tree and returns what to write and how to say it; none writes by itself. The edits do not
touch each other's lines, so they apply in any order, and one that is already there changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from buildbot_cd.errors import CdError


@dataclass(frozen=True, slots=True)
class Change:
    """New texts by path in the repository (only those that differ), and the commit's message with its trailers."""

    files: dict[str, str]
    message: str


Patch = Callable[[Path], Change]


@dataclass(frozen=True, slots=True)
class _Edit:
    """Put `new` in the place of `old` in one file."""

    path: str
    old: str
    new: str


def new_product(tree: Path) -> Change:
    """A good change to the catalogue: there are trays now."""
    edit = _Edit("shop/data/products.csv", "lamp,Table lamp", "tray,Tray,12.40,table\nlamp,Table lamp")
    return _change(tree, [edit], "Sell trays", "catalogue")


def new_greeting(tree: Path) -> Change:
    """A good change to the pages: a friendlier greeting."""
    edit = _Edit("shop/pages/home.py", '"Everything for your kitchen"', '"Welcome! Everything for your kitchen"')
    return _change(tree, [edit], "Greet visitors", "pages")


def longer_addresses(tree: Path) -> Change:
    """A good change to the sign-up: e-mail addresses as long as the standard allows."""
    edit = _Edit("shop/signup.py", "MAX_LENGTH = 120\n", "MAX_LENGTH = 254\n")
    return _change(tree, [edit], "Allow long e-mail addresses", "signup")


def broken_cart(tree: Path) -> Change:
    """For a sandbox: the price of a line forgets the quantity, and tests of the cart see it."""
    old = "[(product, quantity, product.price * quantity) for product, quantity in products]"
    new = "[(product, quantity, product.price) for product, quantity in products]"
    return _change(tree, [_Edit("shop/cart.py", old, new)], "Compute cart lines faster", "cart")


def broken_signup(tree: Path) -> Change:
    """For a landing: addresses of the office network are let in, and a test of the sign-up says that they are none."""
    old = 'not name or "." not in domain or domain.startswith(".")'
    new = 'not name or domain.startswith(".")'
    return _change(tree, [_Edit("shop/signup.py", old, new)], "Accept addresses of the office network", "signup")


def forgotten_tag(tree: Path) -> Change:
    """A good change to cart and pages that declares the pages only."""
    old = "    def discount(self):\n"
    new = (
        "    def pieces(self):\n"
        '        """How many things there are."""\n'
        "        return sum(self._quantities.values())\n\n"
    )
    edits = [
        _Edit("shop/cart.py", old, new + old),
        _Edit("shop/pages/basket.py", "<p>Shipping {", "<p>{cart.pieces()} pieces</p><p>Shipping {"),
    ]
    return _change(tree, edits, "Show the number of pieces in the cart", "pages")


def failing_offers(tree: Path) -> Change:
    """Three offers take turns, and the third is not sold here: tests look at the first; every third visit fails."""
    edit = _Edit("shop/pages/offers.py", 'OFFERS = ("teapot",)', 'OFFERS = ("teapot", "mug", "tumbler")')
    return _change(tree, [edit], "Three offers that take turns", "pages")


def blue_button(tree: Path) -> Change:
    """A blue button on a blue page: everything works, and nobody finds the button."""
    edits = [
        _Edit("shop/pages/style.py", 'BUTTON_BACKGROUND = "#facc15"', 'BUTTON_BACKGROUND = "#1d4ed8"'),
        _Edit("shop/pages/style.py", 'BUTTON_TEXT = "#1e293b"', 'BUTTON_TEXT = "#1e46b8"'),
    ]
    return _change(tree, edits, "A calmer button in the shop's own blue", "pages")


GOOD: tuple[Patch, ...] = (new_product, new_greeting, longer_addresses, forgotten_tag)
BAD: tuple[Patch, ...] = (broken_cart, broken_signup, failing_offers, blue_button)


def _change(tree: Path, edits: list[_Edit], subject: str, tags: str) -> Change:
    texts: dict[str, str] = {}
    before = {edit.path: _read(tree / edit.path) for edit in edits}
    for edit in edits:
        texts[edit.path] = _edited(edit, texts.get(edit.path, before[edit.path]))
    files = {path: text for path, text in texts.items() if text != before[path]}
    return Change(files, f"{subject}\n\nTags: {tags}\n")


def _edited(edit: _Edit, text: str) -> str:
    if edit.new in text:
        return text
    if text.count(edit.old) != 1:
        raise CdError(f"{edit.path} is not the demo's any more: {edit.old!r} must be there once; start a new workspace")
    return text.replace(edit.old, edit.new)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CdError(f"this is no clone of the demo's shop: {error}") from error


def apply(change: Change, tree: Path) -> None:
    """Write the files of a change into a tree."""
    for path, text in change.files.items():
        (tree / path).write_text(text, encoding="utf-8")
