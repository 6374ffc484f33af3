# SPDX-License-Identifier: GPL-2.0-only
"""Past weeks of the whole fleet, out of the Prometheus server that cd.yaml names, without the times of bad releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.config.immune import SECOND
from buildbot_cd.core.immune.seasonal import Season, history_needed, season_of
from buildbot_cd.core.landing.values import State
from buildbot_cd.engine.providers import spec_of
from buildbot_cd.sources.prometheus_range import PrometheusRange
from buildbot_cd.store.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from buildbot_cd.config.immune import Immune, Metric
    from buildbot_cd.store.interface import Tx

Span = tuple[float, float]
"""From when to when, in seconds since the epoch."""

AFTERMATH = 600.0
"""Seconds after a rollback until the fleet counts as usual again: caches fill, and customers come back."""

MOST = 500
"""So many of the last reverted landings are looked at for bad releases."""


def bad_times(tx: Tx, gate: str, since: float) -> list[Span]:
    """When a release was on hosts that was then taken back for what production showed, since that moment."""
    wanted = Wanted(gate=gate, states=(State.REVERTED.value,), since=since, limit=MOST, counted=False)
    bad = [one.id for one in tx.landings.find(wanted)[0] if one.revert_kind == "deploy"]
    spans = []
    for lines in tx.landings.histories(bad).values():
        begun = [line.at for line in lines if line.after is State.DEPLOYING]
        over = [line.at for line in lines if line.before is State.ROLLING_BACK]
        if begun:
            spans.append((begun[-1], max([*over, begun[-1]]) + AFTERMATH))
    return sorted(spans)


def without(past: Mapping[float, float], step: float, spans: Sequence[Span]) -> dict[float, float]:
    """The values whose ``step`` seconds, up to their time, touch none of the spans."""
    return {at: value for at, value in past.items() if not any(a < at and at - step < b for a, b in spans)}


async def seasons(
    reactor: Any, immune: Immune, hosts: int, switch: float, watch: float, apart: Sequence[Span] = ()
) -> tuple[list[Season], list[str]]:
    """What past weeks say of each metric for a watch of so many seconds after `switch` (seconds since the epoch).

    hosts: their number. apart: times that were not as usual, and do not count. Also sentences about metrics of which
    the past says too little. SourceError when the server fails. Nothing without ``immune.history``.
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
            past = without(dict(series[0][1]), step, apart) if series else {}
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
