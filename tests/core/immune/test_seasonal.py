# SPDX-License-Identifier: GPL-2.0-only
"""A whole fleet against past weeks, where there is no control group."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from buildbot_cd.core.immune import (
    Bad,
    Interval,
    Judge,
    Level,
    MetricKind,
    MetricSpec,
    Reading,
    Verdict,
    VerdictKind,
    judge_without_control,
    opening,
    replay,
)
from buildbot_cd.core.immune.seasonal import DAY, WEEK, Season, season_of

STEP = 300.0
WEEKS = 4
WATCH = 12 * STEP
SWITCH = 8 * WEEK + 3 * DAY + 40_000.0 - 40_000.0 % STEP
ORDERS = MetricSpec("orders", bad=Bad.DOWN, tolerance=0.1)
HOSTS = [f"h{n}" for n in range(10)]


class Shop:
    """Orders a second that follow hour and weekday, with weather that lasts for a while; the past in steps."""

    def __init__(self, seed: int, noise: float = 0.05, memory: float = 0.8) -> None:
        self.chance = np.random.default_rng(seed)
        steps = round((SWITCH + WATCH) / STEP) + 1
        at = np.arange(steps) * STEP
        shape = 1 + 0.6 * np.sin(2 * np.pi * at / DAY) + 0.2 * np.sin(2 * np.pi * at / WEEK)
        weather = np.zeros(steps)
        for place in range(1, steps):
            weather[place] = memory * weather[place - 1] + self.chance.normal(0, noise)
        self.rates = 20 * shape * np.exp(weather)
        counts = self.chance.poisson(self.rates * STEP)
        self.past = {place * STEP: float(count) / STEP / len(HOSTS) for place, count in enumerate(counts)}

    def season(self, spec: MetricSpec = ORDERS) -> Season:
        """What the past says at the switch."""
        found = season_of(spec, self.past, SWITCH, STEP, weeks=WEEKS, watch=WATCH, tolerance=spec.tolerance)
        assert found is not None
        return found

    def watch(self, judge: Judge, factor: float) -> Verdict:
        """An hour after the switch, ten looks a step, with so many times the usual orders."""
        part = STEP / 10
        for look in range(1, 121):
            at = SWITCH + look * part
            rate = self.rates[round((SWITCH + ((look - 1) // 10 + 1) * STEP) / STEP)] * factor
            orders = self.chance.multinomial(self.chance.poisson(rate * part), [1 / len(HOSTS)] * len(HOSTS))
            rows = tuple(Reading(h, float(n), part) for h, n in zip(HOSTS, orders.tolist(), strict=True))
            verdict = judge.observe(Interval(look, at, {"orders": rows}, {}, frozenset(HOSTS)))
            if verdict.kind is VerdictKind.REGRESSION:
                break
        return verdict

    def judge(self, alpha: float = 0.01) -> Judge:
        """A judge that knows the past."""
        return judge_without_control([ORDERS], frozenset(HOSTS), alpha, [], seasons=[self.season()])


def test_the_hour_of_the_week_is_no_regression() -> None:
    """The daily rise and fall, and lasting weather, condemn no harmless release."""
    kinds = [shop.watch(shop.judge(), 1.0).kind for shop in map(Shop, range(25))]
    assert VerdictKind.REGRESSION not in kinds


def test_half_of_the_orders_missing_is_found() -> None:
    """A loss of half is found within the hour, and named with its size."""
    verdicts = [shop.watch(shop.judge(), 0.5) for shop in map(Shop, range(12))]
    assert sum(v.kind is VerdictKind.REGRESSION for v in verdicts) >= 11
    assert all(v.culprits == ("orders",) and "time before the switch" in v.reason
               for v in verdicts if v.kind is VerdictKind.REGRESSION)  # fmt: skip


def test_a_small_change_is_shown_and_not_acted_on() -> None:
    """A loss of 20 % is no reason to act without controls, and the evidence says so."""
    shop = Shop(3, noise=0.01)
    verdict = shop.watch(shop.judge(), 0.8)
    assert verdict.kind is VerdictKind.UNDECIDED
    assert verdict.metrics[0].log_e > 0 >= verdict.metrics[0].counted
    assert "no reason to act" in verdict.metrics[0].note


def test_what_past_days_looked_like_too_does_not_count() -> None:
    """When the same hour of a past day lost as much without a release, a loss proves nothing."""
    shop = Shop(5)
    for place in range(round(WATCH / STEP)):
        at = SWITCH - 5 * DAY + (place + 1) * STEP
        shop.past[at] *= 0.4
    verdict = shop.watch(shop.judge(), 0.5)
    assert verdict.kind is VerdictKind.UNDECIDED
    assert "looked like this too" in verdict.metrics[0].note


def test_nothing_after_the_switch_is_used() -> None:
    """Whatever the past says of the time after the switch, the season is the same."""
    shop = Shop(7)
    before = shop.season()
    shop.past.update({at: 1e6 for at in shop.past if at > SWITCH})
    assert shop.season() == before


@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_gaps_and_too_little_past(gap: float) -> None:
    """A third of the values missing is made do with; two weeks where four are asked for are too little."""
    shop = Shop(9)
    shop.past = {at: value for at, value in shop.past.items() if shop.chance.random() >= gap}
    found = season_of(ORDERS, shop.past, SWITCH, STEP, weeks=WEEKS, watch=WATCH, tolerance=0.1)
    assert found is not None
    short = {at: value for at, value in shop.past.items() if at > SWITCH - 2 * WEEK}
    assert season_of(ORDERS, short, SWITCH, STEP, weeks=WEEKS, watch=WATCH, tolerance=0.1) is None


def test_levels_are_judged_too() -> None:
    """A mean latency that doubles against past weeks is found, where without them a level is not judged at all."""
    shop = Shop(11, noise=0.02)
    spec = MetricSpec("latency", MetricKind.LEVEL, tolerance=0.1)
    past = {at: 0.05 * (value / 2) ** 0.2 for at, value in shop.past.items()}
    season = season_of(spec, past, SWITCH, STEP, weeks=WEEKS, watch=WATCH, tolerance=0.1)
    assert season is not None

    def watched(factor: float) -> VerdictKind:
        judge = judge_without_control([spec], frozenset(HOSTS), 0.01, [], seasons=[season])
        for look in range(13):
            usual = float(np.exp(season.usual[min(look, 11)])) * factor
            levels = {"latency": tuple(Level(host, usual) for host in HOSTS)}
            verdict = judge.observe(Interval(look + 1, SWITCH + look * STEP, {}, levels, frozenset(HOSTS)))
        return verdict.kind

    assert watched(2.0) is VerdictKind.REGRESSION
    assert watched(1.0) is VerdictKind.UNDECIDED


def test_the_record_holds_the_season() -> None:
    """Opening and intervals alone lead to the same verdict, bit for bit."""
    shop = Shop(13)
    judge = shop.judge()
    seen: list[Any] = []
    original = judge.observe
    judge.observe = lambda interval: (seen.append(interval), original(interval))[1]  # type: ignore[method-assign]
    verdict = shop.watch(judge, 0.5)
    lines = [json.dumps(opening(judge)), *(json.dumps(one.to_json()) for one in seen)]
    assert replay(map(json.loads, lines)) == verdict
