# SPDX-License-Identifier: GPL-2.0-only
"""What a gate did over some days: lead time, deployments, failures, time to restore, and the counts behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.spans import quantile, spans
from buildbot_cd.core.landing.values import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from buildbot_cd.core.landing.spans import Spans
    from buildbot_cd.core.landing.values import Landing, Transition

DAY = 86400.0


def summary(
    landings: Sequence[Landing], histories: Mapping[int, Sequence[Transition]], days: int, now: float
) -> dict[str, Any]:
    """The figures of landings that ended within the last ``days``, as a JSON object; the reference tells each field."""
    since = now - days * DAY
    ended = [one for one in landings if one.state.terminal and one.since >= since]
    measured = [spans(histories.get(one.id, ())) for one in ended]
    counts = _counts(ended, histories)
    deployed = counts["deployed"]
    return {
        "days": days,
        "since": since,
        "until": now,
        "lead_time": _stat(one.lead for one in measured),
        "wait": _stat(one.wait for one in measured),
        "test": _stat(one.test for one in measured),
        "deploy": _stat(one.deploy for one in measured),
        "restore": _stat(one.restore for one in measured),
        "revert": _stat(_revert(one) for one in measured),
        "deploys_per_day": counts["live"] / days,
        "failure_rate": counts["rolled_back"] / deployed if deployed else None,
        "counts": counts,
        "per_day": _per_day(ended, histories, since, now),
    }


def _revert(one: Spans) -> float | None:
    """The trunk's side: what the hosts needed before is `restore`'s."""
    return None if one.revert is None else one.revert - (one.restore or 0.0)


def _went_through(histories: Mapping[int, Sequence[Transition]], landing: Landing, state: State) -> bool:
    return any(line.after is state for line in histories.get(landing.id, ()))


def _counts(ended: Sequence[Landing], histories: Mapping[int, Sequence[Transition]]) -> dict[str, int]:
    reverted = [one for one in ended if one.state is State.REVERTED]
    kinds = [one.revert_kind for one in reverted]
    return {
        "ended": len(ended),
        "live": sum(1 for one in ended if one.state is State.LIVE),
        "deployed": sum(1 for one in ended if _went_through(histories, one, State.DEPLOYING)),
        "rolled_back": sum(1 for one in ended if _went_through(histories, one, State.ROLLING_BACK)),
        "reverted": len(reverted),
        "reverted_by_test": kinds.count("test"),
        "dependent": kinds.count("dependent"),
        "withdrawn": kinds.count("withdraw"),
        "retested": sum(1 for one in ended if one.attempt > 1),
    }


def _stat(values: Iterable[float | None]) -> dict[str, float | int | None]:
    found = sorted(one for one in values if one is not None)
    if not found:
        return {"n": 0, "p50": None, "p90": None, "mean": None}
    mean = sum(found) / len(found)
    return {"n": len(found), "p50": quantile(found, 0.5), "p90": quantile(found, 0.9), "mean": mean}


def _per_day(
    ended: Sequence[Landing], histories: Mapping[int, Sequence[Transition]], since: float, now: float
) -> list[dict[str, float | int]]:
    first, last = int(since // DAY), int(now // DAY)
    table = {day: {"live": 0, "reverted": 0, "rolled_back": 0} for day in range(first, last + 1)}
    for one in ended:
        row = table[min(last, max(first, int(one.since // DAY)))]
        row["live"] += one.state is State.LIVE
        row["reverted"] += one.state is State.REVERTED
        row["rolled_back"] += _went_through(histories, one, State.ROLLING_BACK)
    return [{"day": day * DAY, **row} for day, row in table.items()]
