# SPDX-License-Identifier: GPL-2.0-only
"""The Prometheus text format, reduced to one number per name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from buildbot_cd.errors import SourceError
from buildbot_cd.sources.http import printable

if TYPE_CHECKING:
    from collections.abc import Collection

_CUMULATED = {"counter", "histogram", "summary"}


def parse(page: bytes, wanted: Collection[str] = ()) -> dict[str, float]:
    """Sums over the label sets of each sample name; only the `wanted` names, if any are given.

    Raises SourceError for what is not the text format, and for a wanted number that is NaN, infinite or, being a
    counter, negative. Unwanted nonsense is left alone: other metrics of the same page are not our concern.
    """
    parts: dict[str, list[float]] = {}
    try:
        for family in text_string_to_metric_families(page.decode("utf-8")):
            for sample in family.samples:
                if not wanted or sample.name in wanted:
                    _check(sample.name, sample.value, cumulated=family.type in _CUMULATED)
                    parts.setdefault(sample.name, []).append(float(sample.value))
    except SourceError:
        raise
    except Exception as problem:  # noqa: BLE001 - the parser raises ValueError, KeyError, IndexError and more
        raise SourceError(
            f"not the Prometheus text format: {printable(str(problem)) or type(problem).__name__}"
        ) from None
    return {name: math.fsum(values) for name, values in parts.items()}


def _check(name: str, value: float, *, cumulated: bool) -> None:
    if not math.isfinite(value):
        raise SourceError(f"{printable(name)} is {value}, which is no usable number")
    if value < 0 and cumulated and not name.endswith("_sum"):
        raise SourceError(f"counter {printable(name)} is negative: {value:g}")
