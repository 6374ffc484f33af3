# SPDX-License-Identifier: GPL-2.0-only
"""The past as intervals: from a CSV file, or from the Prometheus server that cd.yaml names."""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from twisted.internet import defer, task

from buildbot_cd.core.immune.assemble import IntervalBuilder
from buildbot_cd.engine.providers import inputs_of
from buildbot_cd.errors import SourceError
from buildbot_cd.sources.prometheus_range import PrometheusRange, owners_of
from buildbot_cd.sources.snapshot import HostAddress, Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from buildbot_cd.config import Immune
    from buildbot_cd.core.immune.interval import Interval


def from_csv(path: Path, immune: Immune) -> list[Interval]:
    """The intervals in a file with the columns ``time`` and ``host``, and one for each counter and gauge.

    A column is called as the metric's ``events``, ``per`` or ``value`` in cd.yaml, and holds what a host would have
    answered: counters grow. time: seconds since the epoch, or ISO 8601 (UTC where it does not say). Raises SourceError
    with the line.
    """
    known = {name for item in inputs_of(immune) for name in (*item.counters, item.value) if name}
    by_time: dict[float, dict[str, dict[str, float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = set(rows.fieldnames or ())
            if missing := sorted({"time", "host", *known} - columns):
                raise SourceError(f"{path}: has no column {', '.join(repr(name) for name in missing)}")
            for row in rows:
                place = f"{path}:{rows.line_num}"
                numbers = {name: _number(row[name], place, name) for name in known if row.get(name)}
                by_time.setdefault(parse_time(row["time"] or "", place), {})[str(row["host"])] = numbers
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise SourceError(f"{path}: {problem}") from problem
    return to_intervals([Snapshot(at, by_time[at]) for at in sorted(by_time)], immune)


def from_prometheus(immune: Immune, hosts: Sequence[HostAddress], start: float, end: float) -> list[Interval]:
    """The intervals that a watch would have seen from `start` to `end`, seconds since the epoch."""
    found: list[Any] = []

    def main(reactor: Any) -> defer.Deferred[None]:
        async def read() -> None:
            found.append(await _read(reactor, immune, hosts, (start, end)))

        return defer.Deferred.fromCoroutine(_keeping(read(), found))

    try:
        task.react(main, ())
    except SystemExit as ended:
        if ended.code:
            raise
    if isinstance(found[0], SourceError):
        raise found[0]
    return to_intervals(found[0], immune)


async def _keeping(reading: Any, found: list[Any]) -> None:
    """task.react would print the failure with its stack; people get its text alone."""
    try:
        await reading
    except SourceError as problem:
        found.append(problem)


async def _read(
    reactor: Any, immune: Immune, hosts: Sequence[HostAddress], span: tuple[float, float]
) -> list[Snapshot]:
    source = immune.source
    if source.prometheus is None:
        raise SourceError("immune.source is no Prometheus server; write the past into a file and give --csv FILE")
    if any(metric.source is not None for metric in immune.metrics):
        raise SourceError("the past of 'immune.sources' cannot be read; write it into a file and give --csv FILE")
    names = {name for item in inputs_of(immune) for name in (*item.counters, item.value) if name}
    reader = PrometheusRange(reactor, source.prometheus)
    try:
        owners = owners_of(hosts, source.host_value)
        return await reader.snapshots({name: name for name in names}, owners, source.host_label, span, source.every)
    finally:
        await reader.close()


def to_intervals(snapshots: Sequence[Snapshot], immune: Immune) -> list[Interval]:
    """What the hosts said, one moment after the other, as intervals."""
    builder = IntervalBuilder(inputs_of(immune))
    return [builder.add(one.time, one.values) for one in snapshots][1:]  # the first only sets the marks


def parse_time(text: str, place: str) -> float:
    """Seconds since the epoch, from such seconds or from ISO 8601."""
    try:
        value = float(text)
    except ValueError:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise SourceError(f"{place}: {text!r} is no time; write 2026-01-31T12:00:00 or seconds") from None
        value = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(value):
        raise SourceError(f"{place}: {text!r} is no time")
    return value


def _number(text: str | None, place: str, name: str) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise SourceError(f"{place}: {name} is {text!r}, which is no number") from None
