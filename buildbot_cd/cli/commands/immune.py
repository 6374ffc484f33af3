# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd immune replay`` computes a verdict again; ``immune backtest`` tries a configuration on the past."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from buildbot_cd.config import Immune, MasterConfig
    from buildbot_cd.core.immune import Interval, MetricSpec, Verdict
    from buildbot_cd.core.immune.backtest import Found, Plan

HELP = "compute a verdict again from its record, or try the metrics of cd.yaml on the past"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The two commands and their options."""
    below = parser.add_subparsers(dest="what", required=True, metavar="WHAT", help="one of these:")
    again = below.add_parser("replay", help="the verdict that a record of samples leads to, bit for bit")
    again.add_argument("samples", help="the log 'samples' of a watch; - for standard input")
    again.add_argument("--verdict", type=Path, help="the log 'verdict' of the same watch: exit status 1 if they differ")
    again.add_argument("--each", action="store_true", help="also show where things stood after every interval")
    again.add_argument("--json", action="store_true", help="print the verdict as JSON")
    past = below.add_parser("backtest", help="false alarms and sensitivity that cd.yaml's metrics would have had")
    past.add_argument("--config", type=Path, default=Path("cd.yaml"), help="default: cd.yaml")
    past.add_argument("--csv", type=Path, metavar="FILE", help="the past: time, host, and a column for each counter")
    past.add_argument("--from", dest="start", metavar="TIME", help="or read it from the Prometheus server of cd.yaml")
    past.add_argument("--to", dest="end", metavar="TIME", help="default: now")
    past.add_argument("--canaries", metavar="N", help="hosts or a share of them; default: as cd.yaml's first stage")
    past.add_argument("--watch", metavar="TIME", help="default: as cd.yaml's first stage with a watch")
    past.add_argument("--draws", type=_positive, default=3, help="draws of canaries for each watch (default 3)")
    past.add_argument("--seed", type=int, default=1)
    past.add_argument("--effect", action="append", default=[], metavar="METRIC=FACTOR", help="harm to try; repeatable")
    past.add_argument("--json", action="store_true", help="print the result as JSON")


def run(given: argparse.Namespace) -> int:
    """Do one of them."""
    return _replay(given) if given.what == "replay" else _backtest(given)


def _replay(given: argparse.Namespace) -> int:
    from buildbot_cd.core.immune import reopen

    lines = sys.stdin.read() if given.samples == "-" else _read(Path(given.samples))
    record = list(_objects(lines, given.samples))
    try:
        if given.each:
            _show_each(record)
        verdict = reopen(record).verdict()
    except (ValueError, KeyError, TypeError) as problem:
        raise CdError(f"{given.samples}: not the record of a watch: {problem}") from problem
    print(json.dumps(verdict.to_json(), indent=1) if given.json else _told(verdict))
    if given.verdict is None:
        return 0
    kept = json.loads(_read(given.verdict))
    same = bool(kept == json.loads(json.dumps(verdict.to_json())))
    print(f"{given.verdict}: {'the same, bit for bit' if same else 'DIFFERS from what the samples lead to'}")
    return 0 if same else 1


def _show_each(record: Sequence[dict[str, Any]]) -> None:
    from buildbot_cd.core.immune import Interval, reopen

    judge = reopen(record[:1])
    for line in record[1:]:
        interval = Interval.from_json(line)
        verdict = judge.observe(interval)
        print(f"{interval.number:6}  {_clock(interval.time)}  {verdict.kind:20}  {verdict.reason}")


def _told(verdict: Verdict) -> str:
    lines = [f"{verdict.kind}: {verdict.reason}"]
    for one in verdict.metrics:
        ratio = "-" if one.ratio is None else f"{one.ratio:.3g}"
        lines.append(
            f"  {one.name}: ratio {ratio}, log evidence {one.counted:.2f} (of {verdict.needed:.2f} for all), "
            f"{one.canary_total:g} in {one.canary_exposure:g} against {one.control_total:g} in {one.control_exposure:g}"
            + (f"; {one.note}" if one.note else "")
        )
    return "\n".join(lines)


def _backtest(given: argparse.Namespace) -> int:
    from buildbot_cd.config import load_master
    from buildbot_cd.core.immune.backtest import backtest
    from buildbot_cd.engine.providers import specs_of

    config = load_master(given.config)
    if config.immune is None:
        raise CdError(f"{given.config}: has no section 'immune'")
    specs = specs_of(config.immune)
    effects = _effects(given.effect, specs)
    past = _past(given, config)
    plan = _plan(given, config, past)
    try:
        found = backtest(past, specs, config.immune.false_alarm, plan, effects)
    except ValueError as problem:
        raise CdError(str(problem)) from problem
    every = config.immune.source.every
    print(
        json.dumps([one.to_json() for one in found]) if given.json else "\n".join(_report(found, config.immune, every))
    )
    return 0


def _past(given: argparse.Namespace, config: MasterConfig) -> list[Interval]:
    from buildbot_cd.cli.past import from_csv, from_prometheus, parse_time
    from buildbot_cd.engine.fleet_plan import read_hosts
    from buildbot_cd.sources import HostAddress

    immune = config.immune
    assert immune is not None
    if (given.csv is None) == (given.start is None):
        raise CdError("give the past: either --csv FILE or --from TIME")
    if given.csv is not None:
        return from_csv(given.csv, immune)
    if config.fleet is None:
        raise CdError(f"{given.config}: has no section 'fleet' that says which hosts to ask for")
    hosts = [HostAddress(h.name, h.address, h.role) for h in read_hosts(config.fleet.hosts, given.config.parent)]
    end = parse_time(given.end, "--to") if given.end else datetime.now(UTC).timestamp()
    return from_prometheus(immune, hosts, parse_time(given.start, "--from"), end)


def _plan(given: argparse.Namespace, config: MasterConfig, past: Sequence[Interval]) -> Plan:
    from buildbot_cd.config import parse_amount, parse_duration
    from buildbot_cd.core.immune.backtest import Plan

    assert config.immune is not None
    hosts = len({host for interval in past for host in interval.answered})
    stage = next((stage for stage in config.rollout if stage.watch), None)
    try:
        amount = parse_amount(_plain(given.canaries)) if given.canaries else stage.hosts if stage else None
        seconds = parse_duration(given.watch) if given.watch else stage.watch if stage else 0.0
    except ValueError as problem:
        raise CdError(f"--canaries or --watch: {problem}") from problem
    if amount is None or not seconds:
        raise CdError("cd.yaml has no stage with a watch; give --canaries and --watch")
    every = config.immune.source.every
    base, watch = (max(1, round(span / every)) for span in (config.immune.baseline, seconds))
    return Plan(base, watch, amount.at_least(hosts), given.draws, given.seed)


def _plain(text: str) -> object:
    return int(text) if text.isdecimal() else text


def _effects(asked: Sequence[str], specs: Sequence[MetricSpec]) -> dict[str, tuple[float, ...]]:
    from buildbot_cd.config.problems import did_you_mean
    from buildbot_cd.core.immune.backtest import usual_effects

    if not asked:
        return usual_effects(specs)
    effects: dict[str, tuple[float, ...]] = {}
    names = [spec.name for spec in specs]
    for text in asked:
        name, _, factor = text.partition("=")
        if name not in names:
            raise CdError(f"--effect {text}: no metric is called {name!r}{did_you_mean(name, names)}")
        try:
            value = float(factor)
        except ValueError:
            value = -1.0
        if not 0 <= value < 1e6:
            raise CdError(f"--effect {text}: write METRIC=FACTOR, such as errors=2 or signups=0.7")
        effects[name] = (*effects.get(name, ()), value)
    return effects


def _report(found: Sequence[Found], immune: Immune, every: float) -> Iterator[str]:
    harmless, *harmful = found
    low, high = harmless.bounds
    yield (
        f"{len(harmless.alarms)} of {harmless.watches} watches without a release would have been called a regression: "
        f"{harmless.share:.2%} (95 % interval {low:.2%} to {high:.2%}; allowed are {immune.false_alarm:.2%})"
    )
    for alarm in harmless.alarms[:10]:
        yield f"  {_clock(alarm.time)}, after {alarm.after * every:g} s: {alarm.reason}"
    for one in harmful:
        low, high = one.bounds
        when = "not in most" if one.middle is None else f"in the middle after {one.middle * every:g} s"
        yield (
            f"{one.metric} times {one.factor:g}: found in {one.share:.0%} of {one.watches} watches "
            f"({low:.0%} to {high:.0%}), {when}"
        )


def _objects(text: str, place: str) -> Iterator[dict[str, Any]]:
    begun: list[str] = []  # a long object is cut into lines with + before them, the last one with >
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if line.startswith("+"):
            begun.append(line[1:])
            continue
        whole, begun = ("".join([*begun, line[1:]]), []) if line.startswith(">") else (line, [])
        try:
            value = json.loads(whole)
        except ValueError as problem:
            raise CdError(f"{place}:{number}: no JSON: {problem}") from problem
        if not isinstance(value, dict):
            raise CdError(f"{place}:{number}: no JSON object")
        yield value


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise CdError(f"{path}: cannot be read: {problem}") from problem


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value
