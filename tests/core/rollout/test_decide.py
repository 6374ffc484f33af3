# SPDX-License-Identifier: GPL-2.0-only
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.core.rollout import (
    Action,
    ActionKind,
    Host,
    HostRecord,
    Observation,
    Outcome,
    Phase,
    StagePlan,
    after_event,
    failures,
    is_converged,
    next_actions,
    observe,
    rollback_records,
    rollback_targets,
    stage_outcome,
    without_previous,
)

OLD = Observation("r-1", frozenset({"r-1"}))
STAGED = Observation("r-1", frozenset({"r-1", "r-2"}))
NEW = Observation("r-2", frozenset({"r-1", "r-2"}))
AWAY = Observation(reachable=False, error="connection refused")


def record(desired: str | None, seen: Observation = OLD, phase: Phase = Phase.PENDING) -> HostRecord:
    """A host that came from r-1."""
    return HostRecord(desired, seen.current, "r-1", phase)


def test_nothing_is_switched_before_all_have_it() -> None:
    """While a good host lacks the release, hosts that have it wait."""
    records = {"a": record("r-2", STAGED), "b": record("r-2")}
    assert next_actions(records, {"a": STAGED, "b": OLD}, "r-2") == (Action(ActionKind.STAGE, "b", "r-2"),)


def test_a_bad_host_holds_nobody_up() -> None:
    """A host whose staging failed is tried again beside the others' switch, and an unreachable one is probed."""
    records = {"a": record("r-2", STAGED), "b": record("r-2", OLD, Phase.FAILED), "c": record("r-2")}
    actions = next_actions(records, {"a": STAGED, "b": OLD, "c": AWAY}, "r-2")
    assert actions == (
        Action(ActionKind.SWITCH, "a", "r-2", "r-1"),
        Action(ActionKind.STAGE, "b", "r-2"),
        Action(ActionKind.PROBE, "c"),
    )


def test_a_later_stage_is_left_alone_until_it_is_desired() -> None:
    """A host whose desired release is still the old one is not switched."""
    healthy = record("r-1", STAGED, Phase.HEALTHY)
    assert next_actions({"a": healthy}, {"a": STAGED}, "r-2") == ()


def test_a_switched_host_is_checked_until_healthy() -> None:
    """A switch whose health nobody saw is followed by a health check."""
    seen = observe(record("r-2"), NEW)
    assert seen.phase is Phase.SWITCHED
    assert next_actions({"a": seen}, {"a": NEW}, "r-2") == (Action(ActionKind.CHECK, "a", "r-2"),)
    assert next_actions({"a": after_event(seen, Phase.HEALTHY, "r-2")}, {"a": NEW}, "r-2") == ()


def test_drift_is_found_and_repaired() -> None:
    """A healthy host that somebody moved by hand is switched back, expecting what was found."""
    drifted = Observation("r-0", frozenset({"r-0", "r-2"}))
    seen = observe(record("r-2", NEW, Phase.HEALTHY), drifted)
    assert (seen.phase, seen.previous) == (Phase.PENDING, "r-1")
    assert next_actions({"a": seen}, {"a": drifted}, "r-2") == (Action(ActionKind.SWITCH, "a", "r-2", "r-0"),)


def test_a_host_that_returns_is_owed_the_right_release() -> None:
    """After an absence the host is judged by what it carries now."""
    away = observe(record("r-2"), AWAY)
    assert (away.phase, away.error, away.observed) == (Phase.UNREACHABLE, "connection refused", "r-1")
    back = observe(away, STAGED)
    assert next_actions({"a": back}, {"a": STAGED}, "r-2") == (Action(ActionKind.SWITCH, "a", "r-2", "r-1"),)


def test_the_first_look_records_where_a_rollback_goes() -> None:
    """The previous release is what the host carried when it was first seen, and is not overwritten later."""
    first = observe(HostRecord("r-2"), OLD)
    assert first.previous == "r-1"
    assert observe(first, NEW).previous == "r-1"


def test_all_bad_phases_share_one_budget() -> None:
    """Unreachable, failed, unhealthy and refused hosts are counted together."""
    phases = [Phase.UNREACHABLE, Phase.FAILED, Phase.UNHEALTHY, Phase.REFUSED, Phase.HEALTHY]
    hosts = tuple(Host(f"h{i}", "x") for i in range(5))
    records = {h.name: record("r-2", NEW, p) for h, p in zip(hosts, phases, strict=True)}
    assert failures(records.values()) == 4
    assert stage_outcome(StagePlan("canary", hosts, 0.0, 3), records) is Outcome.OVER_BUDGET
    assert stage_outcome(StagePlan("canary", hosts, 0.0, 4), records) is Outcome.DONE
    waiting = {**records, "h4": record("r-2", NEW, Phase.SWITCHED)}
    assert stage_outcome(StagePlan("canary", hosts, 0.0, 4), waiting) is Outcome.RUNNING


def test_rollback_goes_to_the_recorded_release_of_each_host() -> None:
    """Hosts go back to their own previous release; untouched ones are not named, unreachable ones are."""
    records = {
        "moved": HostRecord("r-2", "r-2", "r-1", Phase.HEALTHY),
        "other": HostRecord("r-2", "r-2", "r-0", Phase.UNHEALTHY),
        "untouched": HostRecord("r-1", "r-1", "r-1", Phase.HEALTHY),
        "away": HostRecord("r-2", "r-1", "r-1", Phase.UNREACHABLE),
        "first": HostRecord("r-2", "r-2", None, Phase.HEALTHY),
    }
    assert rollback_targets(records) == {"moved": "r-1", "other": "r-0", "away": "r-1"}
    assert without_previous(records) == ("first",)
    back = rollback_records(records)
    assert {name: r.desired for name, r in back.items()} == {
        "moved": "r-1", "other": "r-0", "untouched": "r-1", "away": "r-1", "first": None,
    }  # fmt: skip
    assert back["untouched"].phase is Phase.HEALTHY
    assert back["moved"].phase is Phase.PENDING


class Machine:
    """A host that does what an action says, or not."""

    def __init__(self) -> None:
        self.current: str | None = "r-1"
        self.staged = {"r-1"}
        self.up = True

    def look(self) -> Observation:
        """Probe it."""
        return Observation(self.current, frozenset(self.staged)) if self.up else AWAY

    def obey(self, action: Action) -> Phase:
        """Do it, if up; a switch is compare and set."""
        if not self.up:
            return Phase.UNREACHABLE
        if action.kind is ActionKind.STAGE:
            assert action.release is not None
            self.staged.add(action.release)
            return Phase.STAGED
        if action.kind is ActionKind.SWITCH:
            assert action.release in self.staged
            assert action.expect == self.current
            self.current = action.release
        return Phase.HEALTHY


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12), st.booleans(), st.integers(0, 12))
def test_any_history_ends_on_the_desired_release(flips: list[tuple[int, bool]], roll_back: bool, turn: int) -> None:
    """Hosts going away and coming back, and a rollback in the middle, still end with every host as desired."""
    machines = {f"h{i}": Machine() for i in range(4)}
    records = {name: HostRecord("r-2", "r-1", "r-1") for name in machines}
    rolled_back = False
    schedule = [*flips, *[(i, True) for i in range(4)], *[(0, True)] * 6]
    for step, (index, up) in enumerate(schedule):
        machines[f"h{index}"].up = up
        if roll_back and step == turn:
            records, rolled_back = rollback_records(records), True
        seen = {name: machine.look() for name, machine in machines.items()}
        records = {name: observe(r, seen[name]) for name, r in records.items()}
        for action in next_actions(records, seen, None if rolled_back else "r-2"):
            machine = machines[action.host]
            records[action.host] = after_event(records[action.host], machine.obey(action), machine.look().current)
    records = {name: observe(r, machines[name].look()) for name, r in records.items()}
    assert is_converged(records)
    assert {machine.current for machine in machines.values()} == {"r-1" if rolled_back else "r-2"}
    assert not is_converged({"a": replace(records["h0"], desired="r-3")})
