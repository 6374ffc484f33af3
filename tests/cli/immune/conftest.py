# SPDX-License-Identifier: GPL-2.0-only
"""A cd.yaml with two metrics, and a past of forty hosts in which nothing happens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

HOSTS = [f"web-{number:02d}" for number in range(40)]
CONFIG = """
trunk: {repository: /srv/git/shop.git}
release: {worker: deploy-1}
fleet: {transport: ssh, root: /srv/shop, hosts: [%s]}
rollout:
  - {stage: canary, hosts: 8, watch: 2m}
  - {stage: fleet, hosts: all}
immune:
  source: {prometheus: "http://127.0.0.1:%d", every: 15s, host_value: "{name}:80"}
  false_alarm: 0.001
  baseline: 1m
  metrics:
    - {name: errors, events: http_errors_total, per: http_requests_total, bad: up}
    - {name: signups, events: signups_total, per: http_requests_total, bad: down}
"""
START = 1_700_000_000
EVERY = 15


def past(intervals: int, seed: int = 1) -> list[tuple[int, str, int, int, int]]:
    """(time, host, requests, errors, signups) as cumulated counters; uneven hosts, one of which starts anew."""
    chance = np.random.default_rng(seed)
    own = chance.gamma(20, 1 / 20, len(HOSTS))
    totals = np.zeros((3, len(HOSTS)), dtype=np.int64)
    rows = []
    for number in range(intervals):
        if number == intervals // 2:
            totals[:, 3] = 0
        requests = chance.poisson(300, len(HOSTS))
        totals += np.stack([requests, chance.poisson(3 * own), chance.poisson(30 * own)])
        at = START + number * EVERY
        rows += [(at, host, *(int(total) for total in totals[:, place])) for place, host in enumerate(HOSTS)]
    return rows


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The cd.yaml; its Prometheus server is nowhere."""
    path = tmp_path / "cd.yaml"
    path.write_text(CONFIG % (", ".join(HOSTS), 9))
    return path


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """An hour of the past, as CSV."""
    path = tmp_path / "past.csv"
    head = "time,host,http_requests_total,http_errors_total,signups_total\n"
    path.write_text(head + "".join(",".join(map(str, row)) + "\n" for row in past(240)))
    return path
