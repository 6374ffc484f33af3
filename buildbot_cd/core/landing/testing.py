# SPDX-License-Identifier: GPL-2.0-only
"""The test slot's side of a landing's way: PREPARING, TESTING, CONFIRMING, INFRA_HOLD."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.admission import start_test
from buildbot_cd.core.landing.moves import HELD, Move, Policy, effect_of, enter, halted_gate, key_of, notice
from buildbot_cd.core.landing.reverting import begin_revert
from buildbot_cd.core.landing.values import EffectKind, Landing, Snapshot, State
from buildbot_cd.core.landing.verdict import ABSENT, Cause, Confirmation, classify, widespread

if TYPE_CHECKING:
    from collections.abc import Mapping


def hold(snapshot: Snapshot, landing: Landing, policy: Policy, now: float, reason: str) -> Move:
    """What happened is not the change's fault: wait and try again, and after some tries ask a person."""
    if landing.infra_attempts >= policy.infra_attempts:
        return halt(snapshot, landing, now, f"{reason}; tried {landing.infra_attempts + 1} times")
    pause = min(policy.backoff * 2**landing.infra_attempts, policy.backoff_most)
    held = enter(landing, State.INFRA_HOLD, now, reason, not_before=now + pause)
    return Move(reason, landings=(held,), effects=(notice(held, "held", reason=reason),))


def halt(snapshot: Snapshot, landing: Landing, now: float, reason: str) -> Move:
    """Stop the gate until a person has looked; nothing is reverted."""
    halted = enter(landing, State.HALTED, now, reason)
    gate = halted_gate(snapshot.gate, f"landing {landing.id}: {reason}")
    return Move(reason, landings=(halted,), gate=gate, effects=(notice(halted, "halted", reason=reason),))


def prepared(snapshot: Snapshot, landing: Landing, result: Mapping[str, Any], policy: Policy, now: float) -> Move:
    """The candidate was built, or cannot be."""
    if "sha" in result:
        return start_test(landing, str(result["sha"]), policy, now)
    if "conflict" in result:
        paths = ", ".join(str(one) for one in result["conflict"]) or "(no path named)"
        reason = f"it needs a change that was taken back: {paths} does not apply without it"
        return begin_revert(snapshot, landing, "dependent", (), reason, policy, now)
    return hold(snapshot, landing, policy, now, f"the candidate could not be built: {result.get('error', 'no answer')}")


def tested(snapshot: Snapshot, landing: Landing, result: Mapping[str, Any], policy: Policy, now: float) -> Move:
    """The checks ended. ``result``: {verdict: passed | failed | infra, failing: [...], ran: tests in all, reason}."""
    verdict = result.get("verdict")
    if verdict == "passed":
        return _pass(landing, now, str(result.get("reason") or "all checks passed"), result.get("held"))
    failing = tuple(str(one) for one in result.get("failing", ()))
    if verdict == "failed" and failing:
        reason = f"{_few(failing)} failed; running it again on another worker and on the tested revision"
        confirming = enter(landing, State.CONFIRMING, now, reason, failing=failing)
        ask = effect_of(
            confirming,
            EffectKind.CONFIRM,
            candidate=landing.candidate,
            tested=snapshot.gate.tested,
            failing=list(failing),
            ran=int(result.get("ran") or 0),
            checks=f"{landing.gate}/{landing.id}/checks/{landing.attempt}.{landing.infra_attempts}",
        )
        return Move(reason, landings=(confirming,), effects=(ask,))
    return hold(snapshot, landing, policy, now, str(result.get("reason") or "the checks ended without a verdict"))


def confirmed(snapshot: Snapshot, landing: Landing, result: Mapping[str, Any], policy: Policy, now: float) -> Move:
    """The failed tests ran again. ``result``: {retry: {test: outcome}, base: {test: outcome}, new_tests, reason}.

    Whatever the verdict is, the tests that passed elsewhere are noted as flaky; but nothing is, and nothing speaks
    against the change, where so many tests fail without it too that the surroundings must be broken.
    """
    found = classify(landing.failing, result.get("retry", {}), result.get("base", {}))
    ran = int(snapshot.intents[key_of(landing, EffectKind.CONFIRM)].payload.get("ran") or 0)
    ill = widespread(landing.failing, result.get("base", {}), ran, policy.widespread)
    if ill:
        many = f"{len(landing.failing)} of {ran} tests fail, {ill} of them on the tested revision too"
        return hold(snapshot, landing, policy, now, f"{many}: the surroundings are broken, not this change")
    move = _judged(snapshot, landing, found, result, policy, now)
    return replace(move, flaky=tuple((landing.id, test) for test in found.named(Cause.FLAKY)))


def _judged(
    snapshot: Snapshot, landing: Landing, found: Confirmation, result: Mapping[str, Any], policy: Policy, now: float
) -> Move:
    if found.cause is Cause.FLAKY:
        told = str(result.get("new_tests") or "")
        reason = "; ".join(filter(None, (f"{_few(landing.failing)} passed on another worker: flaky, noted", told)))
        return _pass(landing, now, reason, result.get("held"))
    if found.cause is Cause.REAL:
        real = found.named(Cause.REAL)
        before = {result.get("base", {}).get(test) for test in real}
        without = "is new with this change" if before == {ABSENT} else "passes without this change"
        reason = f"{_few(real)} failed twice on different workers and {without}"
        return begin_revert(snapshot, landing, "test", real, reason, policy, now)
    if found.cause is Cause.SURROUNDINGS:
        same = found.named(Cause.SURROUNDINGS)
        return hold(snapshot, landing, policy, now, f"{_few(same)} fails on the tested revision too: not this change")
    return hold(snapshot, landing, policy, now, str(result.get("reason") or "the second run gave no verdict"))


def released(snapshot: Snapshot, landing: Landing, policy: Policy, now: float) -> Move | None:
    """A hold is over: the same candidate is tested again."""
    if landing.not_before is not None and now < landing.not_before:
        return None
    again = replace(landing, infra_attempts=landing.infra_attempts + 1, failing=())
    if landing.candidate is None:
        queued = enter(again, State.PREPARING, now, "its candidate is being built again")
        ask = effect_of(queued, EffectKind.CANDIDATE, onto=snapshot.gate.tested, base=landing.base, head=landing.head)
        return Move("trying again", landings=(queued,), effects=(ask,))
    return start_test(again, landing.candidate, policy, now)


def _pass(landing: Landing, now: float, reason: str, held: Any = None) -> Move:
    """Its tests pass. ``held`` is why a person must release (or withdraw) it all the same; nothing is reverted."""
    if held:
        reason = f"{reason}, but held: {held}; release it as it is, or withdraw it and push it again with the tag"
    passed = enter(landing, State.PASSED, now, reason, failing=(), not_before=HELD if held else None)
    told = notice(passed, "held", reason=reason) if held else notice(passed, "passed")
    return Move(reason, landings=(passed,), effects=(told,))


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
