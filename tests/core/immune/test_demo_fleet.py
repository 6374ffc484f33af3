# SPDX-License-Identifier: GPL-2.0-only
"""The demonstration's own metrics, traffic and watch, played without sockets: what `make demo` rests on."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import buildbot_cd
from buildbot_cd.cli.demo.visitor import Call, Seen, Visit, visit
from buildbot_cd.config import parse_master
from buildbot_cd.core.immune import IntervalBuilder, Judge, Verdict, VerdictKind
from buildbot_cd.engine.providers import inputs_of, specs_of

REPOSITORY = Path(buildbot_cd.__file__).parents[1]
CONFIG = parse_master((REPOSITORY / "master/cd.yaml").read_text("utf-8"))
HOSTS = [f"web-{number:02d}" for number in range(40)]
CANARIES = 8
A_SECOND = 200
SEEN_BUTTON = '<style>.button {background: #000; color: #fff}</style><button class="button">Become a member</button>'
WATCHES = int(os.environ.get("CD_DEMO_WATCHES", "60"))


class Shop:
    """40 hosts, each with the visitors that it has; `bad` is what the canaries carry after the switch."""

    def __init__(self, seed: int, bad: str = "") -> None:
        self.rng = Random(seed)
        self.noise = np.random.default_rng(seed)
        self.bad = bad
        self.canary = frozenset(self.rng.sample(HOSTS, CANARIES))
        self.waiting: dict[str, deque[tuple[Visit, Call]]] = {host: deque() for host in HOSTS}
        self.counters: dict[str, dict[str, float]] = {host: self._none() for host in HOSTS}
        self.served = dict.fromkeys(HOSTS, 0)
        self.switched = False
        self.visits = 0

    @staticmethod
    def _none() -> dict[str, float]:
        return {"http_requests_total": 0.0, "http_errors_total": 0.0, "signups_total": 0.0}

    def switch(self) -> None:
        """The canaries begin anew, with the release."""
        self.switched = True
        for host in self.canary:
            self.counters[host] = self._none()
            self.served[host] = 0

    def second(self) -> dict[str, dict[str, float]]:
        """One second of visits; what the hosts answer when they are scraped at its end."""
        for number in range(A_SECOND):
            self._request(HOSTS[number % len(HOSTS)])
        means = 0.02 * np.exp(self.noise.normal(0, 0.15, len(HOSTS)))
        return {
            host: {**self.counters[host], "request_seconds_mean": mean}
            for host, mean in zip(HOSTS, means.tolist(), strict=True)
        }

    def _request(self, host: str) -> None:
        if self.waiting[host]:
            person, call = self.waiting[host].popleft()
        else:
            self.visits += 1
            person = visit(self.visits, Random(self.rng.getrandbits(32)))
            call = next(person)
        is_bad = self.switched and host in self.canary
        fails = is_bad and self.bad == "offers" and self.served[host] % 3 == 2
        self.served[host] += 1
        counters = self.counters[host]
        counters["http_requests_total"] += 1
        counters["http_errors_total"] += fails
        counters["signups_total"] += call.path == "/signup" and not fails
        hidden = is_bad and self.bad == "button"
        try:
            going_on = person.send(Seen(500, "") if fails else Seen(200, "" if hidden else SEEN_BUTTON))
        except StopIteration:
            return
        self.waiting[host].append((person, going_on))


def watched(seed: int, bad: str = "") -> tuple[int | None, Verdict]:
    """The demo's canary watch: the second in which a regression was found, None if none was, and the verdict."""
    immune = CONFIG.immune
    assert immune is not None
    shop, builder = Shop(seed, bad), IntervalBuilder(inputs_of(immune))
    shop.second()
    baseline = [builder.add(float(n), shop.second()) for n in range(int(immune.baseline) + 1)]
    shop.switch()
    builder = IntervalBuilder(inputs_of(immune), last_number=len(baseline))
    builder.add(20.0, shop.second())
    seconds = int(CONFIG.rollout[0].watch)
    control = frozenset(HOSTS) - shop.canary
    judge = Judge(specs_of(immune), shop.canary, control, immune.false_alarm, baseline, expected_intervals=seconds)
    for passed in range(1, seconds + 1):
        verdict = judge.observe(builder.add(20.0 + passed, shop.second()))
        if verdict.kind is VerdictKind.REGRESSION:
            return passed, verdict
    return None, judge.verdict()


def test_the_demo_is_what_this_plays() -> None:
    """Eight canaries for twelve seconds, a sample each second: the figures that the other tests stand for."""
    assert CONFIG.immune is not None
    assert CONFIG.rollout[0].hosts.count == CANARIES
    assert (CONFIG.rollout[0].watch, CONFIG.immune.baseline, CONFIG.immune.source.every) == (12.0, 8.0, 1.0)
    assert CONFIG.immune.false_alarm == 0.001


def test_good_releases_pass() -> None:
    """No harmless release of the demo is condemned."""
    kinds = {watched(seed)[1].kind for seed in range(WATCHES)}
    assert VerdictKind.REGRESSION not in kinds


@pytest.mark.parametrize(("bad", "metric"), [("offers", "errors"), ("button", "signups")])
def test_bad_releases_are_caught(bad: str, metric: Any) -> None:
    """Every third page failing, or nobody signing up any more, is found well before the watch ends, and named."""
    found = [watched(seed, bad) for seed in range(WATCHES // 2)]
    times = [passed or 99 for passed, _ in found]
    assert max(times) <= 12, times
    assert float(np.mean(times)) <= 6, times
    named = [metric in verdict.culprits for _, verdict in found]
    assert sum(named) >= 0.9 * len(named)
