# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.dispatch import Asker, Offer, Other, Pace, Ready, Waiting, Work, assign, ranks, restarted, warm
from buildbot_cd.core.dispatch.offer import Window, to_the_end
from buildbot_cd.testing.suites import suites

PACE = warm(0.3)


@dataclass
class Moment:
    """A moment in a run: some tests are done, some taken, and some workers ask."""

    works: dict[str, Work]
    seconds: dict[str, float]
    offer: Offer
    askers: list[Asker]
    done: set[str]


@st.composite
def moments(draw: st.DrawFn) -> Moment:
    """Any moment that a run can come to."""
    works, seconds = draw(suites())
    by_nid = {work.nid: work for work in works}
    rank = ranks(works, seconds)
    done: set[str] = set()
    for work in sorted(works, key=lambda one: -rank[one.nid]):
        if done.issuperset(work.requires) and draw(st.booleans()):
            done.add(work.nid)
    held: dict[str, list[str]] = {f"w{n}": [] for n in range(draw(st.integers(1, 4)))}
    for work in sorted(works, key=lambda one: -rank[one.nid]):
        holder = draw(st.sampled_from([None, None, *held]))
        if holder is not None and work.nid not in done and done.union(held[holder]).issuperset(work.requires):
            held[holder].append(work.nid)
    taken = {nid for nids in held.values() for nid in nids}
    avoid = {nid: draw(st.sampled_from([None, None, None, "w0"])) for nid in by_nid}
    alone = {nid: draw(st.sampled_from([False, False, False, True])) for nid in by_nid}
    tests = {
        nid: Ready(nid, seconds[nid], rank[nid], work.group, avoid[nid], alone[nid])
        for nid, work in by_nid.items()
        if nid not in done | taken
    }
    ordered = sorted(tests.values(), key=lambda one: -one.rank)
    unmet = {nid: len(set(by_nid[nid].requires) - done) for nid in tests}
    others = draw(
        st.lists(st.builds(Other, st.floats(0.5, 2), st.one_of(st.floats(0, 50), st.just(float("inf")))), max_size=3)
    )
    offer = Offer(
        [one for one in ordered if not unmet[one.nid]],
        sum(one.seconds for one in ordered),
        others,
        [Waiting(one, by_nid[one.nid].requires, unmet[one.nid]) for one in ordered if unmet[one.nid]],
    )
    askers = [Asker(name, draw(st.floats(0.5, 2)), nids, draw(st.booleans())) for name, nids in held.items()]
    return Moment(by_nid, seconds, offer, askers, done)


@given(moments(), st.sampled_from([PACE, restarted(2.0), Pace(0.0, 1.0, 0.0)]))
def test_nothing_is_taken_twice_or_too_early(moment: Moment, pace: Pace) -> None:
    """Each test goes to one worker at most, and only after what it requires, which is done or before it there."""
    taken: set[str] = set()
    shares = assign(moment.askers, moment.offer, pace)
    for asker in moment.askers:
        before = moment.done.union(asker.holds if asker.keeps_order else ())
        for nid in shares[asker.name]:
            assert nid not in taken
            assert before.issuperset(moment.works[nid].requires)
            before.update([nid] if asker.keeps_order else ())
            taken.add(nid)


@given(moments())
def test_a_chunk_is_within_its_share(moment: Moment) -> None:
    """No chunk lasts longer than a worker's share or the least size, unless one has a unit that cannot be divided."""
    workers = [*moment.askers, *moment.offer.others]
    pace = to_the_end(PACE, moment.offer.remaining, len(workers))
    share = max(pace.least, moment.offer.remaining / (pace.k * sum(one.speed for one in workers)))
    units = defaultdict[str, float](float)
    for nid, work in moment.works.items():
        units[work.group or nid] += moment.seconds[nid]
    longest = max(units.values()) / min(one.speed for one in moment.askers)
    shares = assign(moment.askers, moment.offer, PACE)
    for asker in moment.askers:
        lasts = sum(moment.seconds[nid] for nid in shares[asker.name]) / asker.speed
        assert lasts <= max(share, longest) * (1 + 1e-9)


@given(moments())
def test_avoided_tests_and_suspects(moment: Moment) -> None:
    """A worker does not get what avoids it, and a suspect travels alone."""
    tests = {one.nid: one for one in (*moment.offer.ready, *(w.test for w in moment.offer.waiting))}
    for name, nids in assign(moment.askers, moment.offer, PACE).items():
        assert all(tests[nid].avoid != name for nid in nids)
        assert len(nids) == 1 or not any(tests[nid].alone for nid in nids)


@given(moments())
def test_ready_tests_of_a_group_go_together(moment: Moment) -> None:
    """Xdist #890, #1042: what shares a group is one unit for the queue, also where others steal."""
    groups: dict[str, set[str]] = {}
    for name, nids in assign(moment.askers, moment.offer, PACE).items():
        for nid in nids:
            test = next((one for one in moment.offer.ready if one.nid == nid), None)
            if test is not None and test.group is not None and not test.alone:
                groups.setdefault(test.group, set()).add(name)
    assert all(len(names) == 1 for names in groups.values())


@given(moments())
def test_somebody_works_if_somebody_can(moment: Moment) -> None:
    """While no other worker is at work, an asker that may take something gets it: nobody waits for nobody."""
    shares = assign(moment.askers, Offer(moment.offer.ready, moment.offer.remaining), PACE)
    possible = any(one.avoid != asker.name for asker in moment.askers for one in moment.offer.ready if not one.group)
    assert any(shares.values()) or not possible


@given(moments())
def test_a_chain_goes_on_where_it_is(moment: Moment) -> None:
    """An asker than which none is faster does not go without work while something waits only for what it holds."""
    shares = assign(moment.askers, moment.offer, PACE)
    fastest = max(one.speed for one in (*moment.askers, *moment.offer.others))
    for asker in (one for one in moment.askers if one.speed == fastest):
        mine = moment.done.union(asker.holds)
        own = [w.test for w in moment.offer.waiting if mine.issuperset(w.requires) and not w.test.alone]
        if asker.keeps_order and any(test.avoid != asker.name for test in own):
            assert shares[asker.name]


def test_what_follows_a_test_that_is_under_way_comes_before_what_is_less_urgent() -> None:
    """A worker at the middle of a chain goes on with it; another head goes to who is free."""
    waiting = [Waiting(Ready(f"c{n}", 1, 9 - n), (f"c{n - 1}",), 1) for n in range(1, 9)]
    offer = Offer([Ready("head", 1, 7), Ready("last", 1, 1)], 11, [Other()], waiting)
    assert assign([Asker("w", holds=["c0"])], offer, Pace(0, 1, 2)) == {"w": ("c1", "c2", "c3", "c4", "c5")}
    assert assign([Asker("w", holds=["c0"]), Asker("x")], offer, Pace(0, 1, 2))["x"][0] == "head"
    assert assign([Asker("w", holds=["c3"])], offer, Pace(0, 1, 2))["w"][0] == "head"


def test_a_chain_moves_on_to_a_faster_worker_that_has_nothing_to_do() -> None:
    """If that gains more than the way to it takes, whether it asks at this moment or in a while; else it stays."""
    waiting = [Waiting(Ready("b", 10, 100), ("a",), 1)]
    slow, fast, equal = Asker("slow", 0.8, ["a"]), Asker("fast", 1.2), Asker("equal", 0.801)
    assert assign([slow, fast], Offer([], 100, (), waiting), PACE) == {"fast": (), "slow": ()}
    assert assign([slow], Offer([], 100, [Other(1.2, 0.0, 5.0)], waiting), PACE) == {"slow": ()}
    assert assign([slow], Offer([], 100, [Other(1.2, 0.0, 50.0)], waiting), PACE) == {"slow": ("b",)}
    assert assign([slow, equal], Offer([], 100, (), waiting), PACE) == {"equal": (), "slow": ("b",)}


def test_a_runner_with_an_order_of_its_own_gets_no_followers() -> None:
    """PHPUnit, or a pytest that is started anew, might run the second before the first, or though the first failed."""
    waiting = [Waiting(Ready("b", 1, 1), ("a",), 1)]
    shares = assign([Asker("w", keeps_order=False)], Offer([Ready("a", 1, 2)], 2, (), waiting), PACE)
    assert shares == {"w": ("a",)}


def test_the_longest_goes_to_the_fastest() -> None:
    """The two slowest tests go to two workers (xdist #894), the slower one to the faster worker."""
    ready = [Ready("a", 90, 90), Ready("b", 80, 80), *(Ready(f"t{n}", 1, 1) for n in range(100))]
    shares = assign([Asker("slow", 0.8), Asker("fast", 1.2)], Offer(ready, 270), PACE)
    assert shares == {"fast": ("a",), "slow": ("b",)}


def test_a_slow_worker_leaves_the_longest_to_a_faster_one() -> None:
    """If the fast worker, free in five seconds, ends the last long test earlier, the slow one takes something else."""
    ready = [Ready("long", 100, 100), Ready("short", 2, 2)]
    offer = Offer(ready, 102, [Other(2.0, 10.0)])
    assert assign([Asker("slow", 0.5)], offer, PACE) == {"slow": ("short",)}
    assert assign([Asker("slow", 0.5)], Offer(ready, 102, [Other(2.0)]), PACE) == {"slow": ("long",)}


def test_one_fast_worker_is_not_waited_for_twice() -> None:
    """Of three equal long tests one waits for the fast worker; the slow ones take the others."""
    ready = [Ready(f"t{n}", 100, 100) for n in range(3)]
    offer = Offer(ready, 300, [Other(1.0, 1.0)])
    assert assign([Asker("a", 0.6), Asker("b", 0.6)], offer, PACE) == {"a": ("t1",), "b": ("t2",)}


def test_a_chain_travels_in_one_chunk() -> None:
    """What waits only for tests of the chunk comes along in order, so a chain needs no round trip a link."""
    waiting = [Waiting(Ready(f"c{n}", 1, 10 - n), (f"c{n - 1}",), 1) for n in range(1, 10)]
    offer = Offer([Ready("c0", 1, 10)], 10, [Other(1.0, 0.0)], waiting)
    assert assign([Asker("w")], offer, Pace(0, 1, 5)) == {"w": ("c0", "c1", "c2", "c3", "c4")}


def test_a_second_open_requirement_keeps_a_test_back() -> None:
    """A test that also waits for one elsewhere does not come along."""
    waiting = [Waiting(Ready("both", 1, 2), ("here", "elsewhere"), 2)]
    assert assign([Asker("w")], Offer([Ready("here", 1, 3)], 5, (), waiting), PACE) == {"w": ("here",)}


def test_chains_spread_over_idle_workers() -> None:
    """Heads of chains on the critical path are not put behind each other while others ask for work."""
    ready = [Ready(f"h{n}", 1, 100) for n in range(4)]
    shares = assign([Asker(f"w{n}") for n in range(4)], Offer(ready, 400), PACE)
    assert sorted(shares.values()) == [("h0",), ("h1",), ("h2",), ("h3",)]


def test_one_of_a_few_tests_each() -> None:
    """With fewer tests than workers nobody takes two, and an empty share is no failure (pytest-split #26, #95)."""
    ready = [Ready(f"t{n}", 0.01, 0.01) for n in range(3)]
    shares = assign([Asker(f"w{n}") for n in range(5)], Offer(ready, 0.03), PACE)
    assert sorted(shares.values()) == [(), (), ("t0",), ("t1",), ("t2",)]


def test_chunks_shrink_towards_the_end() -> None:
    """Guided self-scheduling: much at first, little at the end, so no serial tail is left (xdist #621, #855)."""
    ready = [Ready(f"t{n:04}", 1, 1) for n in range(1000)]
    sizes = []
    while ready:
        offer = Offer(ready, float(len(ready)), [Other()] * 3)
        (nids,) = assign([Asker("w")], offer, PACE).values()
        sizes.append(len(nids))
        ready = ready[len(nids) :]
    assert sizes[0] == 125
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1


def test_a_small_suite_is_shared_by_all_that_ask_together() -> None:
    """Where all of it would fit into one chunk of the least worthy size, nobody is left idle beside who takes it."""
    ready = [Ready(f"t{number}", 0.01, 0.01) for number in range(100)]
    shares = assign([Asker("a"), Asker("b")], Offer(ready, 1.0), warm(1.0))
    assert sorted(len(one) for one in shares.values()) == [50, 50]
    assert [len(one) for one in assign([Asker("a")], Offer(ready, 1.0), warm(1.0)).values()] == [100]


@given(st.lists(st.floats(0.01, 9), max_size=30), st.integers(0, 5), st.floats(0, 1), st.floats(0, 9))
def test_a_claim_is_shown_no_more_than_it_needs(seconds: list[float], most: int, share: float, least: float) -> None:
    """The first tests that are as many, and as long in all, as was asked for: one less would not do."""
    window, total = Window(most, share, least), sum(seconds)
    number = window.shown(seconds, total)
    enough = max(share * total, least)
    if number is None:
        assert len(seconds) < most or total < enough * (1 + 1e-9)
        return
    assert number >= most
    assert sum(seconds[:number]) >= enough
    assert number == most or sum(seconds[: number - 1]) < enough
