# SPDX-License-Identifier: GPL-2.0-only
"""What a person sees of a page: a button in the colour of the page is there, and yet nobody clicks on it.

Contrast is the ratio of relative luminances of WCAG 2.2 ("contrast ratio"), from 1 (the same) to 21 (black on white).
"""

from __future__ import annotations

import re
from functools import lru_cache

# A button is found by its shape or by its label. WCAG asks for 3 and 4.5, so that everybody can; a person with good
# eyes who looks for it still finds it at these.
SHAPE_CONTRAST = 1.25
LABEL_CONTRAST = 1.8

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_COLOUR = re.compile(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b")
_BUTTON = re.compile(r'<button class="button">')


def sees_button(page: str) -> bool:
    """Whether a person who looks at this HTML page finds its button."""
    style = _STYLE.search(page)
    return _BUTTON.search(page) is not None and _stands_out(style.group(1) if style else "")


@lru_cache(maxsize=64)
def _stands_out(sheet: str) -> bool:
    rules = {selector.strip(): dict(_declarations(body)) for selector, body in _RULE.findall(sheet)}
    body, button = rules.get("body", {}), rules.get(".button", {})
    page = _colour(body.get("background"), "#ffffff")
    shape = _colour(button.get("background"), "#e5e5e5")
    label = _colour(button.get("color"), "#000000")
    return contrast(page, shape) >= SHAPE_CONTRAST or contrast(shape, label) >= LABEL_CONTRAST


def _declarations(body: str) -> list[tuple[str, str]]:
    parts = (part.partition(":") for part in body.split(";"))
    return [(name.strip(), value.strip()) for name, colon, value in parts if colon]


def _colour(text: str | None, otherwise: str) -> str:
    found = _COLOUR.search(text or "") or _COLOUR.search(otherwise)
    assert found is not None
    digits = found.group(1)
    return digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours written as six hexadecimal digits."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
