# SPDX-License-Identifier: GPL-2.0-only
"""From cd.yaml's section ``immune`` to sources, to the names that are read from them, and to what is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.config.immune import SECOND
from buildbot_cd.core.immune.assemble import MetricInput
from buildbot_cd.core.immune.values import Bad, MetricKind, MetricSpec
from buildbot_cd.sources import (
    CombinedSource,
    CommandSource,
    GraphiteSource,
    JsonSource,
    PrometheusSource,
    ScrapeSource,
    SqlSource,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.config.immune import Immune, Metric, MetricSource
    from buildbot_cd.sources import Source

TRAFFIC = "traffic share"
"""What the test of the canaries' traffic is called; a name that no metric of a configuration can have."""

_TRAFFIC_WEIGHT = 0.1
_DEFAULT_LIMIT = 0.5


def specs_of(immune: Immune) -> list[MetricSpec]:
    """What the judge is told: the metrics, and the traffic that they are set in relation to."""
    specs = [spec_of(metric) for metric in immune.metrics]
    return [*specs, *(_traffic_spec(name, immune.traffic) for name, _ in _traffic(immune))]


def inputs_of(immune: Immune) -> list[MetricInput]:
    """Where the numbers of all of them come from."""
    inputs = [input_of(metric) for metric in immune.metrics]
    return [*inputs, *(MetricInput(name, events=key) for name, key in _traffic(immune))]


def spec_of(metric: Metric) -> MetricSpec:
    """The judge's view of a metric in cd.yaml."""
    counts = metric.events is not None
    return MetricSpec(
        name=metric.name,
        kind=MetricKind.COUNT if counts else MetricKind.LEVEL,
        bad=Bad(metric.bad),
        tolerance=metric.tolerance,
        weight=metric.weight,
        floor=metric.floor,
        shadow=metric.shadow,
        harm=metric.harm,
        hard_share=_hard_share(metric),
        limit=None if counts else metric.limit,
    )


def input_of(metric: Metric) -> MetricInput:
    """Where the metric's numbers come from; ``per: second`` is the builder's own clock."""
    per = "" if metric.per in (None, SECOND) else _key(metric, metric.per)
    return MetricInput(metric.name, events=_key(metric, metric.events), per=per, value=_key(metric, metric.value))


def source_of(reactor: Any, immune: Immune) -> Source:
    """The providers that cd.yaml names, read as one."""
    main = _single(reactor, immune.source, [m for m in immune.metrics if m.source is None])
    others = {
        one.name: _single(reactor, one, [m for m in immune.metrics if m.source == one.name])
        for one in immune.sources
        if any(m.source == one.name for m in immune.metrics)
    }
    return CombinedSource(main, others) if others else main


def _hard_share(metric: Metric) -> float | None:
    if metric.events is None or metric.bad == "down":
        return None
    # Events in a second have no share of anything; only a limit that was set says what is too many.
    return metric.limit if metric.limit is not None or metric.per == SECOND else _DEFAULT_LIMIT


def _key(metric: Metric, text: str | None) -> str:
    """The name under which a number arrives in a snapshot."""
    if text is None:
        return ""
    return text if metric.source is None else f"{metric.source}:{text}"


def _traffic(immune: Immune) -> list[tuple[str, str]]:
    """Every counter that is a metric's ``per``: the name of its test, and of its numbers."""
    if immune.traffic >= 1:
        return []
    keys = [_key(m, m.per) for m in immune.metrics if m.per not in (None, SECOND) and not m.shadow]
    distinct = list(dict.fromkeys(keys))
    return [(TRAFFIC if len(distinct) == 1 else f"{TRAFFIC} {key}", key) for key in distinct]


def _traffic_spec(name: str, lost: float) -> MetricSpec:
    tolerance = 1 / (1 - lost) - 1
    return MetricSpec(
        name,
        bad=Bad.DOWN,
        tolerance=tolerance,
        weight=_TRAFFIC_WEIGHT,
        harm=2 * tolerance + 1,
        hard_share=None,
        aside=True,
    )


def _single(reactor: Any, source: MetricSource, metrics: Sequence[Metric]) -> Source:
    texts = [text for m in metrics for text in (m.events, m.per, m.value) if text and text != SECOND]
    names = list(dict.fromkeys(texts))
    counters = {text for m in metrics for text in (m.events, m.per) if text}
    timeout = source.timeout
    match source.kind:
        case "scrape":
            return ScrapeSource(reactor, str(source.scrape), names, timeout=timeout)
        case "graphite":
            summed = [m.events for m in metrics if m.per_interval and m.events]
            summed += [m.per for m in metrics if m.per_interval and m.per and m.per != SECOND]
            return GraphiteSource(reactor, str(source.graphite), names, summed, lag=source.lag, timeout=timeout)
        case "json_page":
            return JsonSource(reactor, str(source.json_page), names, timeout=timeout)
        case "sql":
            return SqlSource(reactor, str(source.sql), names, [n for n in names if n in counters], timeout=timeout)
        case "command":
            return CommandSource(reactor, source.command or (), names, timeout=timeout)
        case _:
            queries = {name: name for name in names}
            label, value = source.host_label, source.host_value
            return PrometheusSource(
                reactor, str(source.prometheus), queries, label=label, value=value, lag=source.lag, timeout=timeout
            )
