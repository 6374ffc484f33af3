# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.dispatch import Asker, Offer, Ready, assign, warm
from buildbot_cd.core.dispatch.deal import dealt
from buildbot_cd.core.dispatch.offer import to_the_end

TWO = [Asker("w1"), Asker("w2")]
seconds = st.floats(0.001, 100.0)


def offered(durations: list[float], **more: Ready) -> Offer:
    """Tests t0, t1, ... that nobody waits for, with some others in place of those of their names."""
    tests = [more.get(f"t{n}", Ready(f"t{n}", took, took)) for n, took in enumerate(durations)]
    return Offer(sorted(tests, key=lambda one: -one.rank), sum(durations))


def length(nids: tuple[str, ...], durations: list[float]) -> float:
    """How long a share takes."""
    return sum(durations[int(nid[1:])] for nid in nids)


@given(st.lists(seconds, min_size=2, max_size=30), st.floats(0.5, 2.0), st.data())
def test_dealing_gives_out_the_same_tests_and_makes_no_share_longer(
    durations: list[float], speed: float, data: st.DataObject
) -> None:
    """Nothing is lost or doubled, nobody goes empty, and the longest share is not longer than before."""
    names = [f"t{n}" for n in range(len(durations))]
    cut = data.draw(st.integers(1, len(names) - 1))
    shares = {"w1": tuple(names[:cut]), "w2": tuple(names[cut:])}
    askers = [Asker("w1", speed), Asker("w2")]
    found = dealt(shares, askers, offered(durations))

    def longest(given: dict[str, tuple[str, ...]]) -> float:
        return max(length(given[one.name], durations) / one.speed for one in askers)

    assert sorted(nid for nids in found.values() for nid in nids) == sorted(names)
    assert all(found.values())
    assert longest(found) <= longest(shares) * (1 + 1e-6)


def test_each_worker_gets_its_part_of_the_long_and_of_the_short_tests() -> None:
    """So what is counted too low or too high falls on both, where slices would put it all on one."""
    durations = [1.0] * 10 + [0.01] * 1000
    found = assign(TWO, offered(durations), warm(5.0))
    for nids in found.values():
        assert len(nids) == 505
        assert sum(int(nid[1:]) < 10 for nid in nids) == 5


def test_what_belongs_together_or_may_not_run_everywhere_stays_where_it_is() -> None:
    """Groups, tests that avoid a worker, suspects, and what others wait for."""
    bound = {
        "t0": Ready("t0", 5.0, 5.0, group="db"),
        "t1": Ready("t1", 5.0, 5.0, avoid="w2"),
        "t2": Ready("t2", 5.0, 9.0),
    }
    durations = [5.0, 5.0, 5.0, 1.0, 1.0, 1.0]
    found = dealt({"w1": ("t0", "t1", "t2", "t3"), "w2": ("t4", "t5")}, TWO, offered(durations, **bound))
    assert found["w1"] == ("t0", "t1", "t2")
    assert sorted(found["w2"]) == ["t3", "t4", "t5"]


def test_a_short_rest_is_taken_at_once() -> None:
    """Where a remainder would be less than a chunk for each, nobody comes for it; a long queue is cut as ever."""
    pace = warm(0.1)
    short = to_the_end(pace, 1.9 * pace.least, 2)
    assert short.least >= 1.9 * pace.least / 2
    assert to_the_end(pace, 100.0, 2) == pace
    durations = [0.01] * 120
    assert sum(map(len, assign(TWO, offered(durations), pace).values())) == 120
