# SPDX-License-Identifier: GPL-2.0-only
"""What a watch will be able to see, told before it begins: from the traffic of the baseline window alone."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from buildbot_cd.core.immune.dispersion import phi_of
from buildbot_cd.core.immune.mixture import SIGNIFICANCE
from buildbot_cd.core.immune.power import Outlook, growth, is_blind, smallest_visible
from buildbot_cd.core.immune.prerate import pre_rates
from buildbot_cd.core.immune.values import Bad, MetricKind, MetricSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.immune.interval import Interval

DROP = 0.7
RISE = 2.0
"""The changes whose time is told: 30 % fewer of what should not fall, twice as many of what should not rise."""

_LONGEST = 366 * 86400.0


@dataclass(frozen=True, slots=True)
class Foresight:
    """What can be seen of one COUNT metric.

    effect: the canary/control ratio that is spoken of. seconds: how long the watch takes, about, to see it at this
    traffic; None if it never does. watch: how long it is going to be. visible: the mildest harmful ratio seen by its
    end. blind: not even total harm is.
    """

    metric: str
    effect: float
    seconds: float | None
    watch: float
    visible: float | None
    blind: bool

    @property
    def too_late(self) -> bool:
        """Whether the watch ends before the effect would show."""
        return self.seconds is None or self.seconds > self.watch

    def sentence(self) -> str:
        """For people: what takes how long, and what follows for this watch."""
        change = f"{1 - self.effect:.0%} fewer" if self.effect < 1 else f"{self.effect:g} times as many"
        if self.seconds is None:
            takes = "cannot be seen at this traffic"
        else:
            takes = f"takes about {_time(self.seconds)} to be seen at this traffic"
        text = f"{change} {self.metric} {takes}"
        if self.blind:
            return f"{text}: INSUFFICIENT_TRAFFIC in these {_time(self.watch)}, not even total harm would show"
        if self.too_late:
            seen = "" if self.visible is None else f"; in these {_time(self.watch)} {_factor(self.visible)} would"
            return f"{text}: INSUFFICIENT_TRAFFIC for that{seen}"
        return text

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, with the sentence."""
        return {**asdict(self), "sentence": self.sentence()}


def foresee(
    specs: Sequence[MetricSpec],
    canary: frozenset[str],
    control: frozenset[str],
    false_alarm: float,
    baseline: Sequence[Interval],
    *,
    watch: float,
) -> tuple[Foresight, ...]:
    """For every judged COUNT metric that is not aside. watch: seconds. Nothing without controls or baseline."""
    total = sum(spec.weight for spec in specs if spec.judged)
    span = baseline[-1].time - baseline[0].time if len(baseline) > 1 else 0.0
    if not control or span <= 0:
        return ()
    told = []
    for spec in specs:
        if spec.kind is MetricKind.COUNT and spec.judged and not spec.aside:
            needed = -math.log(false_alarm * spec.weight / total) + math.log(2)
            told.append(_foresee(spec, canary, control, needed, baseline, span, watch))
    return tuple(told)


def _foresee(
    spec: MetricSpec,
    canary: frozenset[str],
    control: frozenset[str],
    needed: float,
    baseline: Sequence[Interval],
    span: float,
    watch: float,
) -> Foresight:
    second = _per_second(spec, canary, control, baseline, span)
    end = _later(second, watch)
    effect = RISE if spec.bad is Bad.UP else DROP
    blind = is_blind(spec, end, needed)
    return Foresight(
        spec.name, effect, _time_to_see(spec, second, effect, needed), watch, smallest_visible(spec, end, needed), blind
    )


def _per_second(
    spec: MetricSpec, canary: frozenset[str], control: frozenset[str], baseline: Sequence[Interval], span: float
) -> Outlook:
    readings = [r for interval in baseline for r in interval.counts.get(spec.name, ())]
    of_canary = math.fsum(r.exposure for r in readings if r.host in canary) / span
    of_control = math.fsum(r.exposure for r in readings if r.host in control) / span
    rate = pre_rates(spec.name, baseline)
    usual = rate.events / rate.exposure if rate.exposure > 0 else 0.0
    phi = _noise(spec.name, control, baseline)
    return Outlook(of_canary * usual, of_control * usual, of_canary, of_control * usual, phi)


def _noise(metric: str, control: frozenset[str], baseline: Sequence[Interval]) -> float:
    """Dispersion of the second half of the window against each host's own rate in the first half."""
    half = len(baseline) // 2
    rates = pre_rates(metric, baseline[:half])
    events: dict[str, float] = dict.fromkeys(sorted(control), 0.0)
    offset = dict.fromkeys(events, 0.0)
    for interval in baseline[half:]:
        for reading in interval.counts.get(metric, ()):
            if reading.host in events:
                events[reading.host] += reading.events
                offset[reading.host] += reading.exposure * rates.of(reading.host)
    expected = np.array(list(offset.values()))
    if expected.sum() <= 0:
        return 1.0
    expected *= sum(events.values()) / expected.sum()
    return phi_of(np.array(list(events.values())) - expected, expected, len(events), SIGNIFICANCE)


def _later(second: Outlook, seconds: float) -> Outlook:
    return Outlook(
        second.offset_canary * seconds,
        second.offset_control * seconds,
        second.exposure_canary * seconds,
        second.control_events * seconds,
        second.phi,
    )


def _time_to_see(spec: MetricSpec, second: Outlook, effect: float, needed: float) -> float | None:
    """Evidence grows in proportion to time; what it costs at the start does not."""
    harmless = effect <= spec.null_ratio if spec.bad is Bad.UP else effect >= spec.null_ratio
    if not second.usable or harmless:
        return None
    at_start = float(growth(spec, np.array([0.0]), _later(second, 1e-12))[0])
    events = np.array([second.offset_canary * effect * _LONGEST])
    per_second = (float(growth(spec, events, _later(second, _LONGEST))[0]) - at_start) / _LONGEST
    if per_second <= 0 or (needed - at_start) / per_second > _LONGEST:
        return None
    return (needed - at_start) / per_second


def _time(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _factor(ratio: float) -> str:
    return f"{1 - ratio:.0%} fewer" if ratio < 1 else f"{ratio:.1f} times as many"
