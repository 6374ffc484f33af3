# SPDX-License-Identifier: GPL-2.0-only
"""What is judged and what comes out: metric specifications, evidence, verdicts.

All of it is plain data that goes to JSON and back without loss, so that a verdict can be stored beside its inputs.
"""

from __future__ import annotations

import enum
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class MetricKind(enum.StrEnum):
    """How a metric is measured."""

    COUNT = "count"
    """Events per exposure, e.g. errors per request: increments of counters."""
    LEVEL = "level"
    """A reading per host and interval, e.g. load or mean latency."""


class Bad(enum.StrEnum):
    """The direction in which a metric does harm. Tests are one-sided in this direction."""

    UP = "up"
    DOWN = "down"


class VerdictKind(enum.StrEnum):
    """The six answers of a judge. Only REGRESSION is a reason to take a release back."""

    REGRESSION = "regression"
    OK = "ok"
    """Shown with confidence that no judged metric is harmed by more than its `harm` margin."""
    UNDECIDED = "undecided"
    """No sign of a regression, but too early or too noisy to prove its absence."""
    NO_DATA = "no_data"
    """Hosts answer, but a judged metric is not among what they say."""
    PROVIDER_ERROR = "provider_error"
    """No host of either arm answered, or the metric server failed: the clock of the watch stops."""
    INSUFFICIENT_TRAFFIC = "insufficient_traffic"
    """Even the worst release could not be told from a good one by the end of the watch."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric and what counts as harm.

    tolerance: relative change that is still fine (0.1: up to 10 % worse). harm: relative change that must be ruled out
    before OK is said. weight: share of the false-alarm budget relative to the other metrics. floor: smallest absolute
    difference of rates (COUNT: events per unit of exposure) or levels worth acting on. shadow: computed and shown, but
    never part of a verdict. hard_share: COUNT with bad UP: share of the canaries' exposure that trips the guard
    without statistics (None: no guard). limit: LEVEL: value beyond which the canaries' mean trips the guard (None: no
    guard). ratio_scale: LEVEL: compare logarithms, right for all that is positive and compared by factors (latency,
    load); False for what may be negative. aside: a test of the watch itself, such as the canaries' traffic: it can
    prove a regression, but neither its silence nor its innocence says anything of the release.

    Raises ValueError for numbers that make no sense.
    """

    name: str
    kind: MetricKind = MetricKind.COUNT
    bad: Bad = Bad.UP
    tolerance: float = 0.0
    weight: float = 1.0
    floor: float = 0.0
    shadow: bool = False
    harm: float = 0.5
    hard_share: float | None = 0.5
    limit: float | None = None
    ratio_scale: bool = True
    aside: bool = False

    def __post_init__(self) -> None:
        for name in ("tolerance", "weight", "floor", "harm"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"metric {self.name}: {name} must be a number of at least 0, not {value!r}")
        if self.hard_share is not None and not 0 < self.hard_share < math.inf:
            raise ValueError(f"metric {self.name}: hard_share must be above 0, not {self.hard_share!r}")
        if self.limit is not None and not math.isfinite(self.limit):
            raise ValueError(f"metric {self.name}: limit must be a number, not {self.limit!r}")

    @property
    def judged(self) -> bool:
        """Whether this metric takes part in the verdict."""
        return not self.shadow and self.weight > 0

    @property
    def null_ratio(self) -> float:
        """Largest harmless canary/control ratio (smallest one for a metric that is bad when it falls)."""
        return 1 + self.tolerance if self.bad is Bad.UP else 1 / (1 + self.tolerance)

    @property
    def harm_ratio(self) -> float:
        """Canary/control ratio that OK must rule out; always beyond `null_ratio`."""
        margin = 1 + max(self.harm, 2 * self.tolerance, 0.01)
        return margin if self.bad is Bad.UP else 1 / margin

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MetricSpec:
        """The inverse of `to_json`."""
        return cls(**{**data, "kind": MetricKind(data["kind"]), "bad": Bad(data["bad"])})


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """What the watch knows of one metric at one moment.

    log_e: natural log of the e-value against "not worse than the tolerance"; log_safe: the same against "worse than the
    harm margin". counted: log_e as it enters the verdict, at most 0 while the floor or the minimal number of events is
    not reached. ratio: estimate of canary/control after correction by the baseline, None if undefined; low, high: the
    ratios that are possible at 95 % (high is None where there is no limit). The totals are
    events and exposure (COUNT) or the sum and number of readings (LEVEL). phi: dispersion, 1 for pure Poisson
    noise (COUNT), variance of the contrast (LEVEL). samples: intervals used. visible: the smallest harmful ratio that
    can be expected to show by the end of the watch, None if unknown. blind: not even total harm would show.
    missing: nothing was reported.
    """

    name: str
    log_e: float = 0.0
    counted: float = 0.0
    log_safe: float = 0.0
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    canary_total: float = 0.0
    canary_exposure: float = 0.0
    control_total: float = 0.0
    control_exposure: float = 0.0
    phi: float = 1.0
    samples: int = 0
    judged: bool = True
    blind: bool = False
    missing: bool = False
    visible: float | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MetricEvidence:
        """The inverse of `to_json`."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a judge: what, why in one sentence for people, and the evidence for each metric.

    log_e is the log of the combined e-value; a regression is proved when it reaches log(1 / false_alarm).
    culprits: the metrics that alone would have sufficed, else the one that weighs most (REGRESSION only).
    """

    kind: VerdictKind
    reason: str
    metrics: tuple[MetricEvidence, ...] = ()
    log_e: float = 0.0
    needed: float = 0.0
    interval: int | None = None
    time: float | None = None
    culprits: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {**asdict(self), "metrics": [m.to_json() for m in self.metrics], "culprits": list(self.culprits)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        """The inverse of `to_json`."""
        metrics = tuple(MetricEvidence.from_json(m) for m in data["metrics"])
        culprits = tuple(data["culprits"])
        return cls(**{**data, "kind": VerdictKind(data["kind"]), "metrics": metrics, "culprits": culprits})
