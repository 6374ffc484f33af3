# SPDX-License-Identifier: GPL-2.0-only
"""The whole watch on a real Prometheus server that scrapes forty hosts: harm, a leak, an outage, past weeks.

CD_LONG_WATCH=1 lets the leak begin after three minutes; else it begins after a few seconds.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

from buildbot_cd.config.immune import Immune
from buildbot_cd.core.immune import Interval, Judge, Verdict, VerdictKind, opening, replay
from buildbot_cd.core.immune.seasonal import DAY, WEEK
from buildbot_cd.engine.history import seasons
from buildbot_cd.engine.watch import Arms, Watch
from buildbot_cd.sources import HostAddress

NAMES = [f"web-{number:02d}" for number in range(40)]
HOSTS = [HostAddress(name, f"10.1.0.{number}") for number, name in enumerate(NAMES)]
CANARY = frozenset(NAMES[:8])
ARMS = Arms(CANARY, frozenset(NAMES) - CANARY)
LEAK_AFTER = 180.0 if os.environ.get("CD_LONG_WATCH") else 8.0
METRICS = [
    {"name": "errors", "events": 'http_requests_total{code="500"}', "per": "sum by (host) (http_requests_total)",
     "bad": "up"},
    {"name": "latency", "value": "request_seconds_mean", "bad": "up"},
]  # fmt: skip


class Farm:
    """One server with a page of metrics for each of forty hosts. `leak`: seconds by which canaries get slower a second;
    `failing`: share of the canaries' requests that fail; both from now on.
    """

    def __init__(self, servers: Any) -> None:
        self.leak = self.failing = 0.0
        self._since = self._born = time.monotonic()
        self._chance = random.Random(1)
        self._counts = {name: [0.0, 0.0] for name in NAMES}
        self._at = dict.fromkeys(NAMES, self._born)
        self._lock = threading.Lock()
        self.port = servers.serve(self._answer)

    def begin(self, *, leak: float = 0.0, failing: float = 0.0) -> None:
        """Let harm set in."""
        with self._lock:
            self.leak, self.failing, self._since = leak, failing, time.monotonic()

    def _answer(self, request: Any) -> None:
        name = request.path.rpartition("/")[2]
        with self._lock:
            page = self._page(name).encode()
        request.send_response(200)
        request.send_header("Content-Type", "text/plain; version=0.0.4")
        request.send_header("Content-Length", str(len(page)))
        request.end_headers()
        request.wfile.write(page)

    def _page(self, name: str) -> str:
        now = time.monotonic()
        requests = max(0.0, (now - self._at[name]) * 50)
        self._at[name] = now
        share = self.failing if name in CANARY and self.failing else 0.01
        good, bad = self._counts[name]
        failed = sum(self._chance.random() < share for _ in range(round(requests)))
        good, bad = good + round(requests) - failed, bad + failed
        self._counts[name] = [good, bad]
        slower = self.leak * (now - self._since) if name in CANARY else 0.0
        mean = 0.05 * self._chance.lognormvariate(0, 0.05) + slower
        return (
            f'# TYPE http_requests_total counter\nhttp_requests_total{{code="200"}} {good}\n'
            f'http_requests_total{{code="500"}} {bad}\n# TYPE request_seconds_mean gauge\nrequest_seconds_mean {mean}\n'
        )


def scraping(port: int) -> str:
    """A configuration that scrapes the forty hosts each second."""
    jobs = "".join(
        f"      - {{targets: ['127.0.0.1:{port}'], labels: {{__metrics_path__: /m/{name}, host: {name}}}}}\n"
        for name in NAMES
    )
    return (
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs:\n  - job_name: shop\n    static_configs:\n{jobs}"
    )


def settings(port: int, **more: Any) -> Immune:
    """The section of cd.yaml."""
    source = {"prometheus": f"http://127.0.0.1:{port}", "every": "1s", "timeout": "3s", "host_label": "host",
              "host_value": "{name}"}  # fmt: skip
    return Immune.model_validate({"source": source, "metrics": METRICS, "outage": "90s", **more})


class Watching:
    """A watch in the loop's reactor; the test hears of every look."""

    def __init__(self, loop: Any, immune: Immune) -> None:
        self.loop = loop
        self.watch = Watch(loop.reactor, immune, HOSTS)
        self.lines: list[Interval] = []
        self.verdicts: list[Verdict] = []
        self.hook: Any = lambda _: None

    def baseline(self, seconds: float) -> list[Interval]:
        """The window before, once every host is known to the server."""
        for _ in range(100):
            if len(self.loop.run(self.watch.sample).answered) == len(NAMES):
                break
        found: list[Interval] = self.loop.run(lambda: self.watch.baseline(seconds))
        return found

    def run(self, baseline: list[Interval], seconds: float) -> tuple[Judge, Verdict]:
        """The watch to its end."""
        judge = self.watch.judge(ARMS, baseline, seconds)
        return judge, self.loop.run(lambda: self.watch.run(judge, seconds, self._hear))

    async def _hear(self, interval: Interval, verdict: Verdict) -> None:
        self.lines.append(interval)
        self.verdicts.append(verdict)
        self.hook(len(self.lines))


@pytest.fixture
def farm(servers: Any) -> Farm:
    """The forty hosts."""
    return Farm(servers)


@pytest.mark.timeout(400)
def test_a_leak_that_begins_late_and_an_outage_before_it(loop: Any, farm: Farm, prometheus_servers: Any) -> None:
    """The server stands still in the middle: no rollback, the clock waits; then a leak of memory makes the canaries
    slower and slower, and is found and named; the record gives the same verdict again.
    """
    port, server = prometheus_servers.start(scraping(farm.port))
    watching = Watching(loop, settings(port))
    baseline = watching.baseline(6.0)

    def script(looks: int) -> None:
        if looks == 3:
            server.send_signal(signal.SIGSTOP)
        elif looks == 7:
            server.send_signal(signal.SIGCONT)
        elif looks == 7 + round(LEAK_AFTER):
            farm.begin(leak=0.004)

    watching.hook = script
    judge, verdict = watching.run(baseline, LEAK_AFTER + 60.0)
    kinds = [one.kind for one in watching.verdicts]
    assert kinds.count(VerdictKind.PROVIDER_ERROR) >= 3
    assert VerdictKind.REGRESSION not in kinds[: 7 + round(LEAK_AFTER)]
    assert verdict.kind is VerdictKind.REGRESSION
    assert verdict.culprits == ("latency",)
    assert len(kinds) <= 7 + LEAK_AFTER + 30
    assert replay([opening(judge), *(line.to_json() for line in watching.lines)]) == verdict


@pytest.mark.timeout(120)
def test_failing_canaries_are_found(loop: Any, farm: Farm, prometheus_servers: Any) -> None:
    """A tenth of the canaries' requests failing is found within seconds, through selectors and sums of PromQL."""
    port, _ = prometheus_servers.start(scraping(farm.port))
    watching = Watching(loop, settings(port))
    baseline = watching.baseline(5.0)
    farm.begin(failing=0.1)
    _, verdict = watching.run(baseline, 15.0)
    assert verdict.kind is VerdictKind.REGRESSION
    assert verdict.culprits == ("errors",)
    assert len(watching.lines) <= 10


@pytest.mark.timeout(120)
def test_past_weeks_of_a_real_server(loop: Any, prometheus_servers: Any) -> None:
    """What the server remembers of six weeks of orders tells what the next half hour ought to bring."""
    switch = 1_700_000_000.0
    step = 300.0
    chance = np.random.default_rng(1)
    steps = round((4 * WEEK + 15 * DAY) / step)
    rows, total = [], 0
    for place in range(steps + 1):
        at = switch - (steps - place) * step
        total += int(chance.poisson(600 * (1 + 0.5 * np.sin(2 * np.pi * at / DAY))))
        rows.append(f'orders_total{{host="web-00"}} {total} {at:.0f}')
    past = "# TYPE orders counter\n" + "\n".join(rows) + "\n# EOF\n"
    port, _ = prometheus_servers.start("scrape_configs: []\n", past)
    metric = {"name": "orders", "events": "orders_total", "per": "second", "bad": "down"}
    immune = settings(port, metrics=[metric], history={"weeks": 4, "step": "5m"})
    found, silent = loop.run(lambda: seasons(loop.reactor, immune, 40, switch, 1800.0))
    assert silent == []
    (season,) = found
    due = [600 * (1 + 0.5 * np.sin(2 * np.pi * (switch + n * step) / DAY)) / step / 40 for n in range(1, 7)]
    assert np.exp(season.usual) == pytest.approx(due, rel=0.08)
    assert len(season.placebos) == 14
    late, silent = loop.run(lambda: seasons(loop.reactor, immune, 40, switch - 30 * DAY, 1800.0))
    assert late == []
    assert "too few" in silent[0]
