# SPDX-License-Identifier: GPL-2.0-only
"""Durations, percentages and amounts, as people write them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?"
    r"(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?",
    re.ASCII,
)
_PERCENT = re.compile(r"(\d{1,6}(?:\.\d{1,12})?)\s*%", re.ASCII)
_LONGEST = 3650 * 86400.0


def parse_duration(text: object) -> float:
    """Return the seconds in `12m`, `5s`, `1h30m`, `250ms`; parts stand from days to milliseconds, each at most once.

    Raises:
        ValueError: it is no duration, or longer than ten years. A bare number is none, save 0: its unit is unknown.
    """
    if text == 0 and not isinstance(text, bool | float):
        return 0.0
    found = _DURATION.fullmatch(text.replace(" ", "")) if isinstance(text, str) else None
    if found is None or found.lastindex is None:
        raise ValueError("should be a duration with its unit, such as 5s, 12m or 1h30m")
    parts = zip(found.groups(), _SECONDS.values(), strict=True)
    # Nine digits are enough for a nanosecond, and hide the binary tail of 0.1 + 0.2.
    seconds = round(math.fsum(float(number) * unit for number, unit in parts if number is not None), 9)
    if seconds > _LONGEST:
        raise ValueError("should be a duration of at most 3650d")
    return seconds


def format_duration(seconds: float) -> str:
    """Return seconds as `parse_duration` reads them, to the millisecond: 5400.25 is `1h30m250ms`."""
    left = round(seconds * 1000)
    text = ""
    for unit, size in _SECONDS.items():
        count, left = divmod(left, round(size * 1000))
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_ratio(value: object) -> float:
    """Return 0.1 for `10%` and for `0.1`. Only a percentage may be above 1, for `10` alone would be ambiguous.

    Raises:
        ValueError: it is neither.
    """
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is not None:
        return float(found[1]) / 100
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ValueError("should be a percentage such as 10%, or a number from 0 to 1")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of hosts, told as a count or as a share of the fleet; exactly one of the two is set.

    `share` is 0..1; `all` is a share of 1.
    """

    count: int | None = None
    share: float | None = None

    @property
    def everything(self) -> bool:
        """Whether this is the whole fleet, of whatever size."""
        return self.share == 1.0

    def at_least(self, total: int) -> int:
        """Return how many of `total` hosts that is: rounded up, never above `total`, at least 1 if there are any."""
        if self.count is not None:
            return min(self.count, total)
        return min(total, max(1, math.ceil(round((self.share or 0.0) * total, 9))))

    def at_most(self, total: int) -> int:
        """Return how many of `total` hosts that is, rounded down: for what may fail."""
        if self.count is not None:
            return min(self.count, total)
        return min(total, math.floor(round((self.share or 0.0) * total, 9)))

    def __str__(self) -> str:
        if self.count is not None:
            return str(self.count)
        return "all" if self.everything else f"{(self.share or 0.0) * 100:.12g}%"


def parse_amount(value: object) -> Amount:
    """Return the amount in `35`, `5%` or `all`.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, Amount):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Amount(count=value)
    if value == "all":
        return Amount(share=1.0)
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is not None and float(found[1]) <= 100:
        return Amount(share=float(found[1]) / 100)
    raise ValueError("should be a number of hosts such as 35, a share such as 5%, or all")


def _some(value: float) -> float:
    if value <= 0:
        raise ValueError("should be longer than 0s")
    return value


def _duration(value: Any) -> float:  # what pydantic calls with whatever the file holds
    return _some(parse_duration(value))


Duration = Annotated[float, BeforeValidator(_duration)]
"""Seconds, more than none."""

Pause = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds, or none."""

Ratio = Annotated[float, BeforeValidator(parse_ratio), Field(ge=0, le=10)]
"""0.1 for 10%."""

HostAmount = Annotated[Amount, BeforeValidator(parse_amount)]
