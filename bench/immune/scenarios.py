# SPDX-License-Identifier: GPL-2.0-only
"""The fleets and the releases that are tried on them."""

from __future__ import annotations

from dataclasses import replace

from bench.immune.fleets import Scenario
from bench.immune.nab import ELB_REQUESTS

EVEN = Scenario("800 hosts, 35 canaries, even", hosts=800, canaries=35)
UNEVEN = Scenario("uneven hosts, CV 0.3, own shocks 0.3", cv=0.3, host_shock=0.3)
BIG = Scenario("800 hosts, 35 canaries, CV 0.3, shocks 0.3", hosts=800, canaries=35, cv=0.3, host_shock=0.3)
FORTY = Scenario("40 hosts, 4 canaries, CV 0.3, shocks 0.3", hosts=40, canaries=4, cv=0.3, host_shock=0.3)
TEN = Scenario("10 hosts, 2 canaries, CV 0.3", hosts=10, canaries=2, requests=100.0, cv=0.3)
SPARSE = Scenario("sparse events, 1 in 100,000, CV 0.3", base=1e-5, cv=0.3)
LEVEL = Scenario("level, CV 0.2, shocks 0.1", level=True, cv=0.2, host_shock=0.1)
TEN_METRICS = Scenario("10 metrics, uneven", hosts=100, canaries=8, cv=0.3, host_shock=0.3, metrics=10)
NAB = Scenario("NAB's load balancer, uneven", cv=0.3, host_shock=0.3, shape=ELB_REQUESTS)
FALLING = Scenario("sign-ups, 1 in 50, uneven", base=0.02, cv=0.3, host_shock=0.3)

NULLS = (
    EVEN,
    UNEVEN,
    BIG,
    FORTY,
    TEN,
    Scenario("3 hosts, 1 canary, CV 0.3", hosts=3, canaries=1, cv=0.3),
    Scenario("very uneven hosts, CV 0.8, shocks 0.3", cv=0.8, host_shock=0.3),
    Scenario("long memory: shocks 0.3, lag-1 0.98", host_shock=0.3, host_memory=0.98),
    Scenario("fleet shocks 0.3, uneven", cv=0.3, host_shock=0.3, fleet_shock=0.3),
    Scenario("traffic triples, uneven", cv=0.3, ramp=3.0),
    NAB,
    Scenario("restarts 2 % a minute, canaries warm up", cv=0.3, restarts=0.02, warmup=2),
    Scenario("samples missing 5 %, uneven", cv=0.3, host_shock=0.3, missing=0.05),
    SPARSE,
    TEN_METRICS,
    Scenario("50 metrics, uneven", hosts=40, canaries=4, cv=0.3, host_shock=0.3, metrics=50),
    LEVEL,
    Scenario("level, noise t(3)", level=True, cv=0.2, host_shock=0.1, tail=3.0),
    Scenario("level, CV 0.5, long memory 0.98", level=True, cv=0.5, host_shock=0.1, host_memory=0.98),
    Scenario("level, 10 hosts, 2 canaries", level=True, hosts=10, canaries=2, cv=0.2, host_shock=0.1),
    Scenario("level, 50 metrics, 40 hosts", level=True, hosts=40, canaries=4, cv=0.2, host_shock=0.1, metrics=50),
)


def _with(fleet: Scenario, name: str, effect: float, onset: int = 0, *, leak: bool = False) -> Scenario:
    return replace(fleet, name=f"{fleet.name}: {name}", effect=effect, onset=onset, leak=leak)


EFFECTS = (
    (EVEN, _with(EVEN, "x2", 2.0)),
    (EVEN, _with(EVEN, "x1.25", 1.25)),
    (UNEVEN, _with(UNEVEN, "x1.25", 1.25)),
    (UNEVEN, _with(UNEVEN, "x1.5", 1.5)),
    (UNEVEN, _with(UNEVEN, "x2", 2.0)),
    (UNEVEN, _with(UNEVEN, "x5", 5.0)),
    (UNEVEN, _with(UNEVEN, "x2 after 10 min", 2.0, 10)),
    (UNEVEN, _with(UNEVEN, "leak to x5 from 5 min", 5.0, 5, leak=True)),
    (FORTY, _with(FORTY, "x2", 2.0)),
    (TEN, _with(TEN, "x3", 3.0)),
    (SPARSE, _with(SPARSE, "x10", 10.0)),
    (TEN_METRICS, _with(TEN_METRICS, "x2 in one", 2.0)),
    (NAB, _with(NAB, "x1.5", 1.5)),
    (NAB, _with(NAB, "x2 after 10 min", 2.0, 10)),
    (FALLING, _with(FALLING, "-10 %", 0.9)),
    (FALLING, _with(FALLING, "-30 %", 0.7)),
    (FALLING, _with(FALLING, "-50 %", 0.5)),
    (LEVEL, _with(LEVEL, "+10 %", 1.1)),
    (LEVEL, _with(LEVEL, "+30 %", 1.3)),
    (LEVEL, _with(LEVEL, "+30 % after 10 min", 1.3, 10)),
)
"""Pairs of a harmless fleet, on which peers are tuned, and the same fleet with a bad release."""

FIRST_MINUTE = (_with(EVEN, "x2", 2.0), _with(BIG, "x2", 2.0))
