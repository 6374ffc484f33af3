# SPDX-License-Identifier: GPL-2.0-only
"""The invariants that every commit to the database has to keep: each says what is wrong with it, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.core.landing.moves import EMERGENCY
from buildbot_cd.core.landing.values import (
    BLOCKING,
    TERMINAL,
    EffectKind,
    Intent,
    IntentState,
    Landing,
    Mode,
    Slot,
    State,
)
from buildbot_cd.core.landing.verdict import ABSENT, FAILED, PASSED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from buildbot_cd.testing.simulation.store import View
    from buildbot_cd.testing.simulation.world import World

    EachCommit = Callable[[World, View, View], str]

IN_TEST = {State.PREPARING, State.TESTING, State.CONFIRMING, State.INFRA_HOLD, State.PASSED}
IN_DEPLOY = {State.DEPLOYING, State.ROLLING_BACK}
IN_PRODUCTION = {State.DEPLOYING, State.SETTLING, State.LIVE}
FINISHED = {IntentState.DONE, IntentState.DROPPED}


def changed(before: View, after: View) -> Iterator[tuple[State | None, Landing]]:
    """Landings that came into another state: the old one (None: new), and the landing as it is."""
    for ident, landing in after.landings.items():
        old = before.landings.get(ident)
        if old is None or old.state is not landing.state:
            yield None if old is None else old.state, landing


def admitted(before: View, after: View) -> Iterator[Landing]:
    """Those that came into the test slot with this commit."""
    return (one for old, one in changed(before, after) if old is State.QUEUED and one.state in IN_TEST)


def results(view: View, landing: Landing, *kinds: EffectKind) -> list[Intent]:
    """The landing's answered effects of these kinds."""
    found = (one for one in view.intents.values() if one.landing == landing.id and one.kind in kinds)
    return [one for one in found if one.state is IntentState.DONE and one.result is not None]


def s1(_world: World, _before: View, after: View) -> str:
    """At most one landing is in each slot, and whoever is in such a state holds it."""
    settling = [one.id for one in after.landings.values() if one.state is State.SETTLING]
    if len(settling) > 1:
        return f"landings {settling} all settle"
    for slot, states in ((Slot.TEST, IN_TEST), (Slot.DEPLOY, IN_DEPLOY)):
        inside = [one.id for one in after.landings.values() if one.state in states]
        if len(inside) > 1:
            return f"landings {inside} are all in the {slot} stage"
        if inside and after.slots.get(slot) != inside[0]:
            return f"landing {inside[0]} is in the {slot} stage without its slot"
    return ""


def s2(_world: World, before: View, after: View) -> str:
    """Nobody is admitted while anything is being taken back or is halted."""
    for one in admitted(before, after):
        blocking = [other.id for other in after.landings.values() if other.state in BLOCKING]
        if blocking:
            return f"landing {one.id} was admitted while {blocking} stood against it"
        frozen = after.gate.mode is Mode.CLOSED and not 0 < after.gate.min_priority <= one.priority
        if frozen or after.gate.mode in (Mode.HALTED, Mode.DRAIN):
            return f"landing {one.id} was admitted while the gate was {after.gate.mode}"
    return ""


def s3(world: World, before: View, after: View) -> str:
    """What is deployed has passed, as exactly this tree."""
    for old, one in changed(before, after):
        if old is not State.PASSED or one.state not in (State.DEPLOYING, State.LIVE) or not world.policy.checks:
            continue
        tree = world.repo.tree(one.candidate or "")
        for run in results(after, one, EffectKind.CHECKS, EffectKind.CONFIRM):
            result, same = run.result or {}, world.repo.tree(str(run.payload["candidate"])) == tree
            flaky = run.kind is EffectKind.CONFIRM and PASSED in result.get("retry", {}).values()
            if same and (result.get("verdict") == "passed" or flaky):
                break
        else:
            return f"landing {one.id} goes to production, but {one.candidate} never passed"
    return ""


def s4(world: World, before: View, after: View) -> str:
    """Tested and live go forward along the candidates; back goes only tested, when production failed: to what settles
    beneath, or to live.
    """
    for name in ("tested", "live"):
        old, new = getattr(before.gate, name), getattr(after.gate, name)
        if new == old or old is None:
            continue
        forward = world.repo.is_ancestor(old, new) or world.repo.tree(old) == world.repo.tree(new)
        rolls = any(one.state is State.ROLLING_BACK for _, one in changed(before, after))
        reset = name == "tested" and new == _beneath(after) and rolls and after.gate.epoch == before.gate.epoch + 1
        if not forward and not reset and not _adopted(world, before, after):
            return f"{name} moved from {old} to {new}"
    rolling = any(one.state is State.ROLLING_BACK for _, one in changed(before, after))
    return f"tested is still {after.gate.tested}" if rolling and after.gate.tested != _beneath(after) else ""


def _beneath(view: View) -> str | None:
    """What production goes back to: the candidate that settles, else what is live."""
    settling = [one.candidate for one in view.landings.values() if one.state is State.SETTLING]
    return settling[0] if settling else view.gate.live


def _adopted(world: World, before: View, after: View) -> bool:
    """A person took a trunk that was rewritten by hand as it stands."""
    gate = after.gate
    halted = before.gate.mode is Mode.HALTED and world.witness.person
    return halted and gate.trunk == gate.tested == gate.live and gate.epoch == before.gate.epoch + 1


def s5(world: World, before: View, after: View) -> str:
    """A revert has a reproduced, named failure that the tested revision has not, or a person, or a recorded cause."""
    for _, one in changed(before, after):
        if one.state is State.REVERTING and not _authorised(world, after, one):
            return f"landing {one.id} is reverted ({one.revert_kind}) without evidence"
        if one.state is State.REVERTED and one.cause is not None and before.landings.get(one.id) is not None:
            own = set(world.repo.steps(one.base, one.head))
            named = [
                own if entry.get("id") == one.id else {entry.get("sha")}
                for run in results(after, after.landings[one.cause], EffectKind.REVERT)
                for entry in (*(run.result or {}).get("evicted", ()), *(run.result or {}).get("unseen", ()))
                if entry.get("id") or entry.get("evicted")
            ]
            asked = [
                int(entry["id"])
                for run in results(after, after.landings[one.cause], EffectKind.REVERT)
                for entry in run.payload["bad"]
            ]
            if one.id not in asked and not any(own & found for found in named):
                return f"landing {one.id} went along with {one.cause}, which does not name it"
    return ""


def _authorised(world: World, view: View, one: Landing) -> bool:
    if one.id in world.witness.allowed:
        return True
    if one.revert_kind == "test":
        return any(
            (run.result or {}).get("retry", {}).get(test) == FAILED and base in (PASSED, ABSENT)
            for run in results(view, one, EffectKind.CONFIRM)
            for test, base in (run.result or {}).get("base", {}).items()
        )
    if one.revert_kind == "deploy":
        looks = results(view, one, EffectKind.ROLLOUT, EffectKind.WATCH)
        return any((run.result or {}).get("verdict") == "regression" for run in looks)
    if one.revert_kind == "reland":
        before = view.landings[one.relands or 0]
        return before.state is State.REVERTED and bool(one.patch) and one.patch == before.patch
    if one.revert_kind == "dependent":
        conflicts = results(view, one, EffectKind.CANDIDATE)
        return one.cause is not None or any("conflict" in (run.result or {}) for run in conflicts)
    return False


def s6(world: World, before: View, after: View) -> str:
    """A landing of which only infrastructure failed is not reverted."""
    for _, one in changed(before, after):
        if (
            one.state is not State.REVERTING
            or one.id in world.witness.allowed
            or one.revert_kind in ("dependent", "reland")
        ):
            continue
        kinds = (EffectKind.CHECKS, EffectKind.ROLLOUT, EffectKind.WATCH)
        said = {str((run.result or {}).get("verdict")) for run in results(after, one, *kinds)}
        if not said & {"failed", "regression"}:
            return f"landing {one.id} is reverted, but all that is known of it is {said}"
    return ""


def s8(world: World, before: View, after: View) -> str:
    """A candidate is the tested revision and this landing: all that passed and stayed, nothing that did not.

    What people had undone by hand before it was taken back stays in the line of commits, but is in no tree.
    """
    repo, tested = world.repo, after.gate.tested or ""
    for old, one in changed(before, after):
        fresh = one.state in (State.TESTING, State.PASSED) and old in (State.QUEUED, State.PREPARING)
        if not fresh or one.candidate is None:
            continue
        if repo[one.candidate].holds != repo[tested].holds | set(repo.steps(one.base, one.head)):
            return f"candidate {one.candidate} of landing {one.id} is not {tested} and this landing"
        held = repo[tested].holds - repo.beside
        for other in after.landings.values():
            if other.id <= world.before or other.state is State.BYPASSED:
                continue
            own = set(repo.steps(other.base, other.head))
            if other.state in IN_PRODUCTION and not own <= held:
                return f"tested {tested} lacks landing {other.id}, which is {other.state}"
            if other.state not in IN_PRODUCTION and own & held and not _halted_deploy(other):
                return f"tested {tested} holds landing {other.id}, which is {other.state}"
    return ""


def _halted_deploy(landing: Landing) -> bool:
    return landing.state is State.HALTED and not landing.revert_kind


def s10(world: World, before: View, after: View) -> str:
    """First come, first served, within each priority."""
    for one in admitted(before, after):
        ready = [
            other
            for other in before.landings.values()
            if other.state is State.QUEUED
            and after.landings[other.id].state is not State.BYPASSED
            and (other.not_before is None or other.not_before <= world.now)
            and not other.revert_kind
        ]
        if min(other.order for other in ready) != one.order:
            return f"landing {one.id} overtook {min(ready, key=lambda other: other.order).id}"
    return ""


def s11(_world: World, before: View, after: View) -> str:
    """What is answered or dropped stays as it is, whatever comes later."""
    for key, old in before.intents.items():
        new = after.intents.get(key)
        if new is None or (old.state in FINISHED and new != old):
            return f"effect {key} was changed after it had ended"
    return ""


def s14(world: World, before: View, after: View) -> str:
    """No more reverts by the gate's own judgement than the caps allow."""
    for _, one in changed(before, after):
        free = one.id in world.witness.allowed or one.cause is not None or one.revert_kind == "reland"
        if one.state is not State.REVERTING or free:
            continue
        done = [
            other
            for other in before.landings.values()
            if other.state is State.REVERTED and other.revert_kind not in ("withdraw", "reland") and other.cause is None
        ]
        own = sum(1 for other in done if other.since > world.now - 3600 and other.engineer == one.engineer)
        if own >= world.policy.reverts_per_engineer:
            return f"landing {one.id} is one of {own + 1} reverts of {one.engineer} within an hour"
        for most, span in ((world.policy.reverts_per_hour, 3600), (world.policy.reverts_per_day, 86400)):
            if sum(1 for other in done if other.since > world.now - span) >= most:
                return f"landing {one.id} is reverted over the cap of {most} in {span} s"
    return ""


def s15(world: World, before: View, after: View) -> str:
    """A freeze ends by its time or by a person, never by a crash or a halt; a halt only by a person."""
    old, new = before.gate, after.gate
    if world.witness.person or old.mode is Mode.OPEN:
        return ""
    if old.mode is Mode.HALTED:
        return "" if new.mode is Mode.HALTED else "a halted gate opened by itself"
    if new.mode is Mode.HALTED:
        kept = new.beneath
        return "" if kept is not None and kept.mode is old.mode else f"the halt lost the {old.mode} gate"
    now = max(world.now, *(one.now for one in world.masters))
    over = old.mode_until is not None and now >= old.mode_until
    return "" if new.mode is old.mode or over else f"the gate went from {old.mode} to {new.mode} by itself"


def l4(world: World, before: View, after: View) -> str:
    """An emergency is the next to be admitted, and what it displaced was neither passed nor being taken back."""
    waiting = [one for one in before.landings.values() if one.state is State.QUEUED and one.emergency]
    ready = [one.id for one in waiting if (one.not_before or 0) <= world.now and not one.revert_kind]
    for one in admitted(before, after):
        if ready and one.id not in ready:
            return f"landing {one.id} was admitted before the emergencies {ready}"
    for old, one in changed(before, after):
        made_room = one.state is State.QUEUED and one.reason.startswith("made room")
        if made_room and (old in (State.PASSED, *BLOCKING) or one.priority >= EMERGENCY):
            return f"landing {one.id} was {old} and had to make room"
    return ""


def l2(_world: World, _before: View, after: View) -> str:
    """No slot is held by a landing that has ended."""
    for slot, ident in after.slots.items():
        if after.landings[ident].state in TERMINAL or after.landings[ident].state is State.QUEUED:
            return f"the {slot} slot is held by landing {ident}, which is {after.landings[ident].state}"
    return ""


EACH_COMMIT: Mapping[str, EachCommit] = {
    "S1": s1,
    "S2": s2,
    "S3": s3,
    "S4": s4,
    "S5": s5,
    "S6": s6,
    "S8": s8,
    "S10": s10,
    "S11": s11,
    "S14": s14,
    "S15": s15,
    "L2": l2,
    "L4": l4,
}
"""Asked at every commit to the database."""
