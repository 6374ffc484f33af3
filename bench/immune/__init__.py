# SPDX-License-Identifier: GPL-2.0-only
"""``python -m bench immune``: the judge against the rules that others use, on fleets whose truth is known.

Every method sees the same watches. First the false rollbacks of harmless releases, then power, delay and bad events
served, at the peers' defaults and with their thresholds tuned so that they roll back 1 % of harmless watches of the
very same fleet, which no one can do in production. The judge runs as configured throughout: its tolerance 0, its
budget 1 %. Intervals are Clopper and Pearson's at 95 %.

Whether one harmless fleet in a hundred is rolled back takes many watches to know: CD_IMMUNE_NULLS=1000 gives the judge
(not the peers, which are far above) so many of each fleet; some ten minutes more on two processors.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import beta

from bench.immune.fleets import Array, Scenario, Watch, observe
from bench.immune.ours import Outcome, judge_watch
from bench.immune.peers import PEERS, Peer, caught
from bench.immune.picture import draw
from bench.immune.scenarios import EFFECTS, FIRST_MINUTE, NULLS
from bench.report import Options, Report, Target, table

ALPHA = 0.01
TOLERANCE = 0.0
OURS = "buildbot_cd"


@dataclass(frozen=True)
class Size:
    """Watches for each harmless fleet, each bad release, and the first minute; `alone`: of each harmless fleet, for the
    judge without the peers, in addition.
    """

    nulls: int
    effects: int
    first: int
    alone: int = 0

    def of(self, scenario: Scenario) -> tuple[int, int]:
        """Watches for one harmless fleet, and those for the judge alone; fewer where each is as much work as fifty."""
        part = 4 if scenario.metrics >= 50 else 1
        return self.nulls // part, self.alone // part


QUICK, WHOLE = Size(20, 12, 50), Size(200, 60, 200)


@dataclass(frozen=True)
class Runs:
    """What all methods made of the same watches: ours, and the peers' paths of scores. `alone`: ours, of more."""

    scenario: Scenario
    ours: list[Outcome]
    alone: list[Outcome]
    scores: dict[str, list[Array]]
    thresholds: dict[str, float]
    bad: list[Array]


def seeds(scenario: Scenario, seed: int, number: int) -> list[tuple[Scenario, np.random.SeedSequence]]:
    """The sources of chance of so many watches, the same ones for the same seed."""
    stream = np.random.SeedSequence([seed, zlib.crc32(scenario.name.encode())])
    return [(scenario, one) for one in stream.spawn(number)]


def watches(scenario: Scenario, seed: int, number: int) -> Iterator[Watch]:
    """So many watches of a scenario."""
    return (observe(scenario, np.random.default_rng(one)) for _, one in seeds(scenario, seed, number))


def play(scenario: Scenario, seed: int, number: int, alone: int = 0) -> Runs:
    """All methods on the same watches, on all processors, and the judge on so many more alone."""
    print(f"{number} watches{f' and {alone} for us alone' * bool(alone)}: {scenario.name}", file=sys.stderr, flush=True)
    runs = Runs(scenario, [], [], {peer.name: [] for peer in PEERS}, {}, [])
    given = seeds(scenario, seed, number + alone)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        runs.alone.extend(pool.map(_judge_one, given[number:], chunksize=8))
        for outcome, scores, thresholds, bad in pool.map(_play_one, given[:number], chunksize=4):
            runs.ours.append(outcome)
            runs.bad.append(bad)
            runs.thresholds.update(thresholds)
            for name, path in scores.items():
                runs.scores[name].append(path)
    return runs


def _play_one(
    given: tuple[Scenario, np.random.SeedSequence],
) -> tuple[Outcome, dict[str, Array], dict[str, float], Array]:
    scenario, seed = given
    watch = observe(scenario, np.random.default_rng(seed))
    scores = {peer.name: peer.scores(watch) for peer in PEERS}
    return judge_watch(watch, ALPHA, TOLERANCE), scores, {p.name: p.threshold(watch) for p in PEERS}, watch.bad


def _judge_one(given: tuple[Scenario, np.random.SeedSequence]) -> Outcome:
    scenario, seed = given
    return judge_watch(observe(scenario, np.random.default_rng(seed)), ALPHA, TOLERANCE)


def minutes_of(runs: Runs, peer: Peer | None, threshold: float | None = None) -> list[int | None]:
    """When each watch was rolled back; `peer` None is us."""
    if peer is None:
        return [one.minute for one in runs.ours]
    limit = runs.thresholds[peer.name] if threshold is None else threshold
    return [caught(scores, limit, runs.scenario.warmup) for scores in runs.scores[peer.name]]


def tuned(null: Runs, peer: Peer) -> float:
    """The lowest threshold at which the peer rolls back at most 1 % of these harmless watches."""
    worst = np.sort([float(np.max(scores)) for scores in null.scores[peer.name]])[::-1]
    return float(np.nextafter(worst[int(ALPHA * len(worst))], np.inf))


def interval(hits: int, of: int) -> tuple[float, float]:
    """Clopper and Pearson's interval at 95 %."""
    low = float(beta.ppf(0.025, hits, of - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, of - hits)) if hits < of else 1.0
    return low, high


def median(minutes: list[int | None]) -> float:
    """The median delay; infinite where fewer than half were caught."""
    return float(np.median([np.inf if one is None else one for one in minutes]))


def served(runs: Runs, minutes: list[int | None]) -> float:
    """Bad events that the canaries served before the rollback, or in the whole watch, on average."""
    before = runs.scenario.before
    total = [bad[before:].sum() if m is None else bad[before : before + m].sum()
             for bad, m in zip(runs.bad, minutes, strict=True)]  # fmt: skip
    return float(np.mean(total))


def run(options: Options) -> Report:
    """Everything, in three tables."""
    size = QUICK if options.quick else replace(WHOLE, alone=int(os.environ.get("CD_IMMUNE_NULLS") or 0))
    report = Report("immune", options.seed)
    nulls = {scenario.name: play(scenario, options.seed, *size.of(scenario)) for scenario in NULLS}
    _false_rollbacks(nulls, report)
    for fleet, _ in EFFECTS:
        if fleet.name not in nulls:
            nulls[fleet.name] = play(fleet, options.seed, size.nulls)
    _delays(nulls, size, options.seed, report)
    _first_minute(size, options.seed, report)
    cpu = max(float(np.mean([one.cpu for one in runs.ours])) for runs in nulls.values())
    report.ours["cpu_ms_per_look_worst_scenario"] = round(1000 * cpu, 3)
    if options.plot is not None:
        print(f"picture: {draw(report, OURS, ALPHA, options.plot)}")
    return report


def _false_rollbacks(nulls: dict[str, Runs], report: Report) -> None:
    rows: list[list[object]] = []
    shares: dict[str, dict[str, float]] = {}
    bounds = []
    for name, runs in nulls.items():
        number, hits = _ours(runs)
        shares[name] = {peer.name: _hits(runs, peer) / len(runs.ours) for peer in PEERS} | {OURS: hits / number}
        low, high = interval(hits, number)
        bounds.append(low)
        mine = f"{hits / number:.4f} ({low:.4f}-{high:.4f})"
        rows.append([name, number, mine, *(f"{shares[name][peer.name]:.3f}" for peer in PEERS)])
    print(f"\nFalse rollbacks of harmless releases in watches of 30 minutes, alpha {ALPHA}")
    table(["fleet", "watches", OURS, *(peer.name for peer in PEERS)], rows)
    report.ours["false_rollbacks"] = {name: found[OURS] for name, found in shares.items()}
    report.peers["false_rollbacks"] = {
        peer.name: {name: found[peer.name] for name, found in shares.items()} for peer in PEERS
    }
    report.ours["watches"] = {name: _ours(runs)[0] for name, runs in nulls.items()}
    together = [_ours(runs) for runs in nulls.values()]
    pooled = sum(hits for _, hits in together) / sum(number for number, _ in together)
    report.targets += [
        Target("false rollbacks, all harmless fleets together", pooled, most=ALPHA),
        Target("false rollbacks, worst fleet, what is certain at 97.5 %", max(bounds), most=ALPHA),
    ]


def _ours(runs: Runs) -> tuple[int, int]:
    """How many watches we had of a fleet, and how many of them we rolled back."""
    outcomes = runs.ours + runs.alone
    return len(outcomes), sum(one.minute is not None for one in outcomes)


def _hits(runs: Runs, peer: Peer) -> int:
    return sum(minute is not None for minute in minutes_of(runs, peer))


def _delays(nulls: dict[str, Runs], size: Size, seed: int, report: Report) -> None:
    for mode in ("defaults", "matched"):
        print(f"\nBad releases, {size.effects} watches each, peers at "
              f"{'their defaults' if mode == 'defaults' else '1 % false rollbacks of the same fleet'}: "
              "caught / median delay in minutes / bad events served")  # fmt: skip
        rows = []
        for fleet, bad in EFFECTS:
            runs = play(bad, seed, size.effects) if mode == "defaults" else report.bound.pop(bad.name)
            if mode == "defaults":
                report.bound[bad.name] = runs
            rows.append(_row(runs, nulls[fleet.name], mode, size, report))
        heads = ["release", OURS, *(peer.name for peer in PEERS)]
        table([*heads, "fastest"] if mode == "matched" else heads, rows)


def _row(runs: Runs, null: Runs, mode: str, size: Size, report: Report) -> list[object]:
    row: list[object] = [runs.scenario.name]
    delays: dict[str, float] = {}
    for peer in (None, *PEERS):
        threshold = tuned(null, peer) if peer is not None and mode == "matched" else None
        minutes = minutes_of(runs, peer, threshold)
        name = peer.name if peer else OURS
        delays[name] = median(minutes) - runs.scenario.onset
        power = sum(minute is not None for minute in minutes) / size.effects
        row.append(f"{power:.2f} / {delays[name]:.3g} / {served(runs, minutes):.0f}")
        told = {"power": power, "delay": delays[name] if np.isfinite(delays[name]) else None,
                "served": round(served(runs, minutes), 1)}  # fmt: skip
        group = report.ours if peer is None else report.peers
        group.setdefault(f"{name} {mode}", {})[runs.scenario.name] = told
    if mode == "matched":
        row.append(_fastest(delays))
    return row


def _fastest(delays: dict[str, float]) -> str:
    best = min(delays.values())
    if delays[OURS] <= best:
        return "ours" if np.isfinite(best) else "nobody"
    quicker = [f"{name} by {delays[OURS] - delay:.3g}" for name, delay in delays.items() if delay < delays[OURS]]
    return ", ".join(quicker)


def _first_minute(size: Size, seed: int, report: Report) -> None:
    for scenario in FIRST_MINUTE:
        found = [judge_watch(watch, ALPHA, TOLERANCE).minute for watch in watches(scenario, seed + 1, size.first)]
        share = sum(minute == 1 for minute in found) / size.first
        report.targets.append(Target(f"seen in the first minute, {scenario.name}", share, least=0.99))
