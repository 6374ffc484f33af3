# SPDX-License-Identifier: GPL-2.0-only
"""What is watched in production: the section `immune`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, model_validator

from buildbot_cd.config.fleet import HostUrl, Url
from buildbot_cd.config.section import HostPlace, Name, Section, Text
from buildbot_cd.config.units import Duration, Ratio


class MetricSource(Section):
    """Where the metrics come from."""

    scrape: HostUrl | None = None
    """The address at which each host answers in Prometheus' text format; may hold `{name}`, `{address}`, `{role}`."""
    prometheus: Url | None = None
    """The address of a Prometheus server."""
    every: Duration = 5.0
    """How often is asked."""
    timeout: Duration = 4.0
    """How long an answer may take."""
    host_label: Annotated[Name, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")] = "instance"
    """With `prometheus`: the label by which series are told apart by host."""
    host_value: HostPlace = "{address}"
    """With `prometheus`: that label's value for a host, such as `{address}:8080`."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.scrape is None) == (self.prometheus is None):
            raise ValueError("should hold exactly one of 'scrape' and 'prometheus'")
        return self


def _probability(value: float) -> float:
    if not 0 < value <= 0.5:
        raise ValueError("should be above 0 and at most 0.5")
    return value


class Metric(Section):
    """A figure that shows whether a release is good."""

    name: Annotated[Name, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$")]
    """What the metric is called in verdicts and on pages."""
    events: Text | None = None
    """A counter: the name of a family or a selector (`http_errors_total{code="500"}`), or an expression in PromQL."""
    value: Text | None = None
    """A gauge, written like `events`."""
    per: Text | None = None
    """The counter that `events` are set in relation to, such as requests; needed with `events`."""
    bad: Literal["up", "down"]
    """The direction in which the metric gets worse."""
    tolerance: Ratio = 0.10
    """How much worse a release may be, relative to the other hosts, without being called bad."""
    weight: Annotated[StrictFloat, Field(gt=0, le=1000)] = 1.0
    """The metric's share of the false alarms that are allowed, relative to the other metrics."""
    floor: Annotated[StrictFloat, Field(ge=0)] = 0.0
    """The least difference that matters, in the metric's own unit: events per `per`, or the value's unit."""
    shadow: StrictBool = False
    """Judge and show it, but never act on it."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.events is None) == (self.value is None):
            raise ValueError("should hold exactly one of 'events' (a counter) and 'value' (a gauge)")
        if self.events is not None and self.per is None:
            raise ValueError("'events' need 'per': the counter of what could have gone wrong, such as requests")
        if self.value is not None and self.per is not None:
            raise ValueError("'per' belongs to 'events'; a 'value' stands alone")
        return self


class Immune(Section):
    """The judge of the metrics."""

    source: MetricSource
    """Where the metrics come from."""
    false_alarm: Annotated[Ratio, AfterValidator(_probability)] = 0.001
    """The probability that a good release is rolled back, over the whole watch and all metrics."""
    baseline: Duration = 30.0
    """How long hosts are measured before the switch, to know what is normal for each."""
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)]
    """What is judged."""
