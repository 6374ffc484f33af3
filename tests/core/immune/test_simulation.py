# SPDX-License-Identifier: GPL-2.0-only
"""Error rates and speed of the judge on simulated fleets; all seeds are fixed."""

from typing import Any

from buildbot_cd.core.immune import Bad, Judge, MetricKind, MetricSpec, VerdictKind, judge_without_control

ERRORS = MetricSpec("errors", bad=Bad.UP, tolerance=0.1)
SIGNUPS = MetricSpec("signups", bad=Bad.DOWN)
LATENCY = MetricSpec("latency", MetricKind.LEVEL, bad=Bad.UP, tolerance=0.1)
ALL = (ERRORS, SIGNUPS, LATENCY)


def watch(fleet: Any, specs: Any = ALL, alpha: Any = 0.001, base: Any = 8, length: Any = 15) -> Any:
    """One whole watch; the interval of the alarm (None: none) and the verdict."""
    judge = Judge(specs, fleet.canary, fleet.control, alpha, fleet.baseline(base), expected_intervals=length)
    return fleet.watch(judge, length)


def test_unequal_hosts_raise_few_false_alarms(make_fleet: Any) -> None:
    """With hosts whose own rates differ by 30 %, harmless releases are condemned in about alpha of the watches."""
    specs = (MetricSpec("errors", bad=Bad.UP), SIGNUPS)
    fleets = [make_fleet(seed, cv=0.3, requests=4000, signups=40, base_errors=0.005) for seed in range(200)]
    alarms = sum(watch(fleet, specs, alpha=0.01, length=20)[0] is not None for fleet in fleets)
    assert alarms <= 5  # 200 runs at 1 %: more than 5 has a chance of 1.6 %


def test_doubled_errors_are_found_quickly(make_fleet: Any) -> None:
    """A doubled error rate in 4 of 40 hosts is found within few intervals in nearly all watches."""
    fleets = [make_fleet(seed, cv=0.3, requests=40_000, base_errors=0.01, errors=0.02) for seed in range(40)]
    found = [watch(fleet, (ERRORS,), alpha=0.001)[0] for fleet in fleets]
    assert sum(passed is not None and passed <= 5 for passed in found) >= 36


def test_signups_that_stop_are_found_while_all_else_is_well(make_fleet: Any) -> None:
    """With 2 signups/s fleet-wide a release that loses them all is found, given two minutes."""
    fleets = [make_fleet(seed, signups=2.0, lost_signups=1.0) for seed in range(30)]
    results = [watch(fleet, base=30, length=120) for fleet in fleets]
    assert sum(passed is not None for passed, _ in results) >= 29
    assert all(verdict.culprits == ("signups",) for passed, verdict in results if passed is not None)


def test_the_demonstrations_fleet(make_fleet: Any) -> None:
    """40 hosts, 8 canaries, 100 requests/s: good passes, 30 % errors and lost signups (10/s) are caught within 12 s."""
    good = [watch(make_fleet(seed, canaries=8, signups=10))[1] for seed in range(60)]
    assert not [verdict for verdict in good if verdict.kind is VerdictKind.REGRESSION]
    failing = [watch(make_fleet(seed, canaries=8, signups=10, errors=0.3)) for seed in range(30)]
    assert max(passed or 99 for passed, _ in failing) <= 5
    losing = [watch(make_fleet(seed, canaries=8, signups=10, lost_signups=1.0)) for seed in range(30)]
    assert sum((passed or 99) <= 12 for passed, _ in losing) >= 28


def test_slow_canaries_are_found(make_fleet: Any) -> None:
    """A latency half as high again in 8 of 40 hosts is found, and named."""
    results = [watch(make_fleet(seed, canaries=8, slower=1.5)) for seed in range(20)]
    assert all(passed is not None and verdict.culprits == ("latency",) for passed, verdict in results)


def test_levels_of_unequal_hosts_raise_few_false_alarms(make_fleet: Any) -> None:
    """Lasting differences of latency between hosts are no regression."""
    alarms = sum(watch(make_fleet(seed), (LATENCY,), alpha=0.01)[0] is not None for seed in range(150))
    assert alarms <= 4


def test_enough_good_traffic_proves_a_release_fine(make_fleet: Any) -> None:
    """With much traffic the verdict on a good release becomes OK, before the end."""
    fleet = make_fleet(1, canaries=8, requests=20_000, signups=500, base_errors=0.01)
    assert watch(fleet, length=40)[1].kind is VerdictKind.OK


def test_whole_fleet_against_the_time_before(make_fleet: Any) -> None:
    """Without controls a good release raises no alarm, tenfold errors and lost signups do, and OK is never said."""

    def judged(seed: Any, **effects: Any) -> Any:
        fleet = make_fleet(seed, canaries=40, signups=10, **effects)
        judge = judge_without_control(ALL, fleet.canary, 0.001, fleet.baseline(8))
        return fleet.watch(judge, 15)

    assert {judged(seed, cv=0.3)[1].kind for seed in range(60)} == {VerdictKind.UNDECIDED}
    assert all((judged(seed, errors=0.1)[0] or 99) <= 12 for seed in range(20))
    assert sum(judged(seed, lost_signups=1.0)[0] is not None for seed in range(20)) >= 18
