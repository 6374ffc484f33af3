# SPDX-License-Identifier: GPL-2.0-only
"""Past weeks of the whole fleet, out of the Prometheus server that cd.yaml names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.config.immune import SECOND
from buildbot_cd.core.immune.seasonal import Season, history_needed, season_of
from buildbot_cd.engine.providers import spec_of
from buildbot_cd.sources.prometheus_range import PrometheusRange

if TYPE_CHECKING:
    from buildbot_cd.config.immune import Immune, Metric


async def seasons(
    reactor: Any, immune: Immune, hosts: int, switch: float, watch: float
) -> tuple[list[Season], list[str]]:
    """What past weeks say of each metric for a watch of so many seconds after `switch` (seconds since the epoch).

    hosts: their number. Also sentences about metrics of which the past says too little. SourceError when the server
    fails. Nothing without ``immune.history``.
    """
    history, server = immune.history, immune.source.prometheus
    if history is None or server is None:
        return [], []
    found: list[Season] = []
    silent: list[str] = []
    reader = PrometheusRange(reactor, server)
    try:
        back, _ = history_needed(history.weeks, watch)
        step = history.step
        for metric in (one for one in immune.metrics if one.source is None):
            query = fleet_query(metric, step, immune.source.every, hosts)
            series = await reader.series(query, switch - back, switch, step)
            past = dict(series[0][1]) if series else {}
            spec = spec_of(metric)
            season = season_of(spec, past, switch, step, weeks=history.weeks, watch=watch, tolerance=spec.tolerance)
            if season is None:
                silent.append(f"{metric.name}: {len(past)} values of the past are too few to know its seasons")
            else:
                found.append(season)
    finally:
        await reader.close()
    return found, silent


def fleet_query(metric: Metric, step: float, every: float, hosts: int) -> str:
    """PromQL for the whole fleet's rate or mean level within the last step, in the units of the judge's readings."""
    if metric.value is not None:
        return f"avg({metric.value})"
    inner = max(1, round(min(every, step / 4)))
    total = f"sum(increase(({{}})[{round(step)}s:{inner}s]))"
    events = total.format(metric.events)
    if metric.per in (None, SECOND):
        return f"{events} / {step * hosts:g}"
    return f"{events} / {total.format(metric.per)}"
