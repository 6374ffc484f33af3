# SPDX-License-Identifier: GPL-2.0-only
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.rollout import Host, Stage, plan, stage_size
from buildbot_cd.errors import ConfigError


def fleet(**roles: int) -> list[Host]:
    """So many hosts of each role."""
    return [Host(f"{role}-{i}", f"10.0.0.{i}", role) for role, count in roles.items() for i in range(count)]


FLEETS = st.lists(st.integers(1, 30), min_size=1, max_size=5).map(
    lambda ns: fleet(**{f"r{i}": n for i, n in enumerate(ns)})
)
SIZES = st.one_of(st.integers(1, 200), st.integers(0, 100).map(lambda p: f"{p}%"))


@given(FLEETS, st.lists(SIZES, max_size=4), st.integers(), st.randoms())
def test_every_host_is_in_exactly_one_stage_and_order_does_not_matter(
    hosts: list[Host], sizes: list[int | str], seed: int, rnd: random.Random
) -> None:
    """Each host has one stage, and neither the inventory's order nor a second call changes the plan."""
    stages = [Stage(f"s{i}", size) for i, size in enumerate([*sizes, "all"])]
    result = plan(hosts, stages, seed)
    assert Counter(host for stage in result for host in stage.hosts) == Counter(hosts)
    assert all(stage.hosts for stage in result)
    mixed = list(hosts)
    rnd.shuffle(mixed)
    assert plan(mixed, stages, seed) == result


@given(FLEETS, st.integers(1, 150), st.integers())
def test_the_canary_is_drawn_from_each_role(hosts: list[Host], size: int, seed: int) -> None:
    """Every role has a canary if there is room, and no role gets more than a fair share and one."""
    canary = plan(hosts, [Stage("canary", size), Stage("fleet", "all")], seed)[0]
    have, got = Counter(h.role for h in hosts), Counter(h.role for h in canary.hosts)
    assert len(canary.hosts) == min(size, len(hosts))
    if len(canary.hosts) >= len(have):
        assert set(got) == set(have)
    for role, count in got.items():
        assert count <= max(1, len(canary.hosts) * have[role] / len(hosts) + 1)


def test_seeds_choose_different_canaries() -> None:
    """Over many rollouts every host is a canary sometimes, and none much more often than the others."""
    hosts = fleet(web=40)
    drawn = Counter(h.name for s in range(400) for h in plan(hosts, [Stage("c", 4), Stage("f", "all")], s)[0].hosts)
    assert len(drawn) == 40
    assert max(drawn.values()) < 80  # the mean is 40, the deviation 6


@pytest.mark.parametrize(
    ("amount", "size"), [(35, 35), ("all", 800), ("1%", 8), ("0.1%", 1), ("0%", 1), (900, 800), ("25 %", 200)]
)
def test_amounts(amount: Any, size: int) -> None:
    """A number, a percentage rounded up and at least 1, or all; never more than there are."""
    assert stage_size(amount, 800) == size


@pytest.mark.parametrize("amount", [0, -1, True, "half", "101%", "", "%"])
def test_amounts_that_are_none(amount: Any) -> None:
    """Anything else is refused with examples of what to write."""
    with pytest.raises(ConfigError, match="write 35, '25%' or 'all'"):
        stage_size(amount, 10)


def test_one_host_at_half_is_one_host() -> None:
    """The smallest fleet still rolls out; the stage that finds no hosts left is dropped."""
    assert [s.name for s in plan(fleet(web=1), [Stage("canary", "50%"), Stage("fleet", "all")], 1)] == ["canary"]


def test_budgets_are_hosts_of_the_stage() -> None:
    """A budget in percent is of the stage's own hosts, rounded down."""
    canary, rest = plan(fleet(web=100), [Stage("canary", 10, 120.0, 1), Stage("fleet", "all", 300.0, "5%")], 1)
    assert (canary.budget, canary.watch, rest.budget) == (1, 120.0, 4)


@pytest.mark.parametrize(
    ("hosts", "stages", "words"),
    [
        ([], [Stage("all", "all")], "no hosts"),
        (fleet(web=2), [], "no stages"),
        (fleet(web=4), [Stage("canary", 1)], "3 of 4 hosts are in no stage"),
        (fleet(web=4), [Stage("a", 1), Stage("a", "all")], "stage name 'a' is there twice"),
        (fleet(web=1) * 2, [Stage("a", "all")], "host name 'web-0' is there twice"),
        (fleet(web=1), [Stage("a", "all", 0.0, -1)], "stage a: budget -1"),
    ],
)
def test_plans_that_cannot_be(hosts: list[Host], stages: list[Stage], words: str) -> None:
    """A plan that would leave a host out or means nothing is refused."""
    with pytest.raises(ConfigError, match=words):
        plan(hosts, stages, 1)
