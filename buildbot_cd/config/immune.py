# SPDX-License-Identifier: GPL-2.0-only
"""What is watched in production: the section `immune`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, model_validator

from buildbot_cd.config.fleet import HostUrl, Url
from buildbot_cd.config.section import Argv, HostPlace, Name, Section, Text
from buildbot_cd.config.units import Duration, Pause, Ratio
from buildbot_cd.core.immune.selectors import parse_selector

KINDS = ("scrape", "prometheus", "graphite", "json_page", "sql", "command")


class MetricSource(Section):
    """Where the metrics come from."""

    scrape: HostUrl | None = None
    """The address at which each host answers in Prometheus' text format; may hold `{name}`, `{address}`, `{role}`."""
    prometheus: Url | None = None
    """The address of a Prometheus server."""
    graphite: Url | None = None
    """The address of a Graphite server."""
    json_page: HostUrl | None = None
    """The address of JSON: a page for each host, with `{name}` or `{address}` in it, or one for the whole fleet."""
    sql: Text | None = None
    """A database, as SQLAlchemy writes its address."""
    command: Argv | None = None
    """A program that prints the numbers as JSON."""
    every: Duration = 5.0
    """How often is asked."""
    timeout: Duration = 4.0
    """How long an answer may take."""
    lag: Pause = 0.0
    """With `prometheus` and `graphite`: how far before now is asked, so that samples that come late are in."""
    host_label: Annotated[Name, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")] = "instance"
    """With `prometheus`: the label by which series are told apart by host."""
    host_value: HostPlace = "{address}"
    """With `prometheus`: that label's value for a host, such as `{address}:8080`."""

    @property
    def kind(self) -> str:
        """Which of KINDS it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise ValueError(f"should hold exactly one of {', '.join(repr(kind) for kind in KINDS)}")
        return self


class NamedSource(MetricSource):
    """A further source."""

    name: Annotated[Name, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,49}$")]
    """What it is called in `metrics[].source`."""


def _probability(value: float) -> float:
    if not 0 < value <= 0.5:
        raise ValueError("should be above 0 and at most 0.5")
    return value


class Metric(Section):
    """A figure that shows whether a release is good."""

    name: Annotated[Name, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$")]
    """What the metric is called in verdicts and on pages."""
    events: Text | None = None
    """A counter, in the words of its source: a selector, PromQL, a Graphite target, a JSON pointer, SQL, a name."""
    value: Text | None = None
    """A gauge, written like `events`."""
    per: Text | None = None
    """The counter that `events` are set in relation to, such as requests; `second` for events in a second."""
    source: Name | None = None
    """The name of one of `sources`, for `events`, `value` and `per`; `immune.source` if left out."""
    bad: Literal["up", "down"]
    """The direction in which the metric gets worse."""
    tolerance: Ratio = 0.10
    """How much worse a release may be, relative to the other hosts, without being called bad."""
    harm: Ratio = 0.50
    """How much worse must be ruled out before a release is called good."""
    weight: Annotated[StrictFloat, Field(gt=0, le=1000)] = 1.0
    """The metric's share of the false alarms that are allowed, relative to the other metrics."""
    floor: Annotated[StrictFloat, Field(ge=0)] = 0.0
    """The least difference that matters, in the metric's own unit: events per `per`, or the value's unit."""
    limit: StrictFloat | None = None
    """Beyond this the release is taken back without statistics: a value, or (`bad: up`) events per `per`."""
    shadow: StrictBool = False
    """Judge and show it, but never act on it."""
    per_interval: StrictBool = False
    """With `graphite`: `events` are numbers for each interval, as StatsD writes them, and are added up."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.events is None) == (self.value is None):
            raise ValueError("should hold exactly one of 'events' (a counter) and 'value' (a gauge)")
        if self.events is not None and self.per is None:
            raise ValueError("'events' need 'per': the counter of what could have gone wrong, such as requests")
        if self.value is not None and self.per is not None:
            raise ValueError("'per' belongs to 'events'; a 'value' stands alone")
        if self.limit is not None and self.events is not None and (self.bad == "down" or self.limit <= 0):
            raise ValueError("'limit' of 'events' is a share above 0 of what is 'bad: up'")
        return self


Action = Literal["rollback", "pause", "continue"]
LongerAction = Literal["rollback", "pause", "continue", "extend"]


class Actions(Section):
    """What follows from each verdict at the end of a watch."""

    regression: Action = "rollback"
    """A metric is worse, and chance is ruled out."""
    ok: Literal["continue"] = "continue"
    """Harm is ruled out."""
    undecided: LongerAction = "continue"
    """No sign of harm, but too early to prove its absence."""
    no_data: LongerAction = "pause"
    """Hosts answer, but a metric is not among what they say."""
    provider_error: Literal["pause", "continue"] = "pause"
    """The source failed for longer than `outage`. It is no reason to take a release back."""
    insufficient_traffic: LongerAction = "continue"
    """Not even total harm could have shown."""


class History(Section):
    """Past weeks, for the watch of a whole fleet without a control group."""

    weeks: Annotated[StrictInt, Field(ge=3, le=12)] = 4
    """How many past weeks are read from `source.prometheus` at the same hours."""
    step: Duration = 60.0
    """The length of one interval of history."""


class Immune(Section):
    """The judge of the metrics."""

    source: MetricSource
    """Where the metrics come from."""
    sources: tuple[NamedSource, ...] = ()
    """Further sources, for metrics that name them."""
    false_alarm: Annotated[Ratio, AfterValidator(_probability)] = 0.001
    """The probability that a good release is rolled back, over the whole watch and all metrics."""
    baseline: Duration = 30.0
    """How long hosts are measured before the switch, to know what is normal for each."""
    warmup: Pause = 0.0
    """How long after a switch nothing is judged: caches fill, and hosts take their load again."""
    traffic: Annotated[Ratio, Field(le=1)] = 0.5
    """The share of their traffic that the switched hosts may lose against the others; at `100%` it is not judged."""
    early: Duration | None = None
    """A watch ends before its time once it is this old and harm is ruled out for every metric; never, if left out."""
    extend: Duration | None = None
    """How much longer a watch may become where `on` says `extend`; as long again, if left out."""
    outage: Pause = 600.0
    """How long a watch stands still, in all, for a source that fails, before it ends as `provider_error`."""
    on: Actions = Actions()
    """What follows from each verdict at the end of a watch."""
    history: History | None = None
    """Past weeks, for the watch of a whole fleet without a control group."""
    settle: Pause = 0.0
    """How long the whole fleet is watched on after a rollout, while the next landing may be deployed already."""
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)]
    """What is judged."""

    def source_named(self, name: str | None) -> MetricSource:
        """The source of a metric."""
        return next((one for one in self.sources if one.name == name), self.source)

    @model_validator(mode="after")
    def _sources_fit(self) -> Self:
        known = {one.name for one in self.sources}
        if len(known) < len(self.sources):
            raise ValueError("'sources' hold a name twice")
        for metric in self.metrics:
            if metric.source is not None and metric.source not in known:
                raise ValueError(f"metric {metric.name}: 'sources' hold no '{metric.source}'")
            _check_words(metric, self.source_named(metric.source).kind)
        if self.history is not None and self.source.kind != "prometheus":
            raise ValueError("'history' is read from 'source.prometheus'")
        return self


def _pointer(text: str) -> None:
    if not text.startswith("/"):
        raise ValueError(f"{text!r} should be a JSON pointer such as /hosts/{{name}}/errors")


def _target(text: str) -> None:
    if "{name}" not in text and "{address}" not in text:
        raise ValueError(f"{text!r} should be a target with {{name}} or {{address}} in it")


_WORDS: dict[str, Callable[[str], object]] = {"scrape": parse_selector, "json_page": _pointer, "graphite": _target}


def _check_words(metric: Metric, kind: str) -> None:
    """Whether the source can read what the metric names."""
    if metric.per_interval and (kind != "graphite" or metric.events is None):
        raise ValueError(f"metric {metric.name}: 'per_interval' belongs to 'events' from 'graphite'")
    check = _WORDS.get(kind)
    for text in (metric.events, metric.value, metric.per):
        if check is not None and text is not None and text != SECOND:
            try:
                check(text)
            except ValueError as problem:
                raise ValueError(f"metric {metric.name}: {problem}") from None


SECOND = "second"
"""In `per`: the events are set in relation to the time."""
