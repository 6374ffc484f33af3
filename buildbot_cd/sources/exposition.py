# SPDX-License-Identifier: GPL-2.0-only
"""The Prometheus text format, reduced to one number for each selector."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from buildbot_cd.errors import SourceError
from buildbot_cd.sources.http import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.core.immune.selectors import Selector

_CUMULATED = {"counter", "histogram", "summary"}


def parse(page: bytes, wanted: Mapping[str, Selector]) -> dict[str, float]:
    """Sums over the samples that each selector means, by its key; what no sample matches is left out.

    Without `wanted` every sample name is summed over its label sets. Raises SourceError for what is not the text
    format, and for a wanted number that is NaN, infinite or, being a counter, negative. Unwanted nonsense is left
    alone: other metrics of the same page are not our concern.
    """
    parts: dict[str, list[float]] = {}
    names: dict[str, list[tuple[str, Selector]]] = {}
    for key, selector in wanted.items():
        names.setdefault(selector.name, []).append((key, selector))
    try:
        for family in text_string_to_metric_families(page.decode("utf-8")):
            for sample in family.samples:
                if not wanted:
                    keys = [sample.name]
                else:
                    keys = [k for k, s in names.get(sample.name, ()) if s.matches(sample.name, sample.labels)]
                for key in keys:
                    _check(sample.name, sample.value, cumulated=family.type in _CUMULATED)
                    parts.setdefault(key, []).append(float(sample.value))
    except SourceError:
        raise
    except Exception as problem:  # noqa: BLE001 - the parser raises ValueError, KeyError, IndexError and more
        raise SourceError(
            f"not the Prometheus text format: {printable(str(problem)) or type(problem).__name__}"
        ) from None
    return {key: math.fsum(values) for key, values in parts.items()}


def _check(name: str, value: float, *, cumulated: bool) -> None:
    if not math.isfinite(value):
        raise SourceError(f"{printable(name)} is {value}, which is no usable number")
    if value < 0 and cumulated and not name.endswith("_sum"):
        raise SourceError(f"counter {printable(name)} is negative: {value:g}")
