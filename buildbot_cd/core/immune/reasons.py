# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts in one sentence for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from buildbot_cd.core.immune.values import MetricEvidence, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Sequence


def explain_regression(
    metrics: Sequence[MetricEvidence], culprits: Sequence[str], false_alarm: float, controlled: bool
) -> str:
    """Why a release is called a regression: the culprits, their size, and how sure it is."""
    named = [metric for metric in metrics if metric.name in culprits]
    parts = [_describe(metric, controlled) for metric in named]
    return f"{'; '.join(parts)}; a harmless release would look like this in fewer than {false_alarm:g} of all watches."


def explain_standing(kind: VerdictKind, judged: Sequence[MetricEvidence], heard: int, needed: float) -> str:
    """Why there is no regression (yet), and what is missing for more."""
    if kind is VerdictKind.NO_DATA:
        return _explain_missing(judged, heard)
    if kind is VerdictKind.OK:
        return f"After {heard} intervals, harm beyond the margin is ruled out for {_names(judged)}."
    if kind is VerdictKind.INSUFFICIENT_TRAFFIC:
        return (
            "The canary hosts get too little traffic: by the end of this watch not even total harm would show in "
            f"{_names([m for m in judged if m.blind])}; use more canary hosts or a longer watch."
        )
    if not judged:
        return "No metric is judged without a control group, or all are in shadow; only the guards are watching."
    nearest = max(judged, key=lambda metric: metric.counted)
    sentence = f"No regression in {heard} intervals; nearest is {nearest.name} with evidence {_factor(nearest.counted)}"
    sentence += f" of the {_factor(needed)} needed"
    if blind := [metric for metric in judged if metric.blind]:
        sentence += f"; too little traffic to see harm in {_names(blind)}"
    return sentence + "."


def _explain_missing(judged: Sequence[MetricEvidence], heard: int) -> str:
    if not heard:
        return "Nothing was observed yet."
    missing = [metric for metric in judged if metric.missing]
    notes = "; ".join(f"{metric.name}: {metric.note or 'no host reports it'}" for metric in missing)
    return f"Hosts answer, but {_names(missing)} cannot be judged ({notes}); check the metric's name and the release."


def _describe(metric: MetricEvidence, controlled: bool) -> str:
    other = "the control hosts" if controlled else "the time before the switch"
    if metric.ratio is None:
        return f"{metric.name}: {_totals(metric)}, where {other} had none"
    between = "" if metric.low is None else f" ({_ratio(metric.low)} to {_limit(metric.high)})"
    return f"{metric.name} is {_ratio(metric.ratio)} times{between} that of {other}: {_totals(metric)}"


def _limit(value: float | None) -> str:
    return "any number" if value is None else _ratio(value)


def _totals(metric: MetricEvidence) -> str:
    canary = f"{metric.canary_total:.4g} in {metric.canary_exposure:.4g}"
    return f"{canary} against {metric.control_total:.4g} in {metric.control_exposure:.4g}"


def _ratio(value: float) -> str:
    return "0" if value == 0 else f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _factor(log_value: float) -> str:
    return f"{math.exp(min(log_value, 600.0)):.3g}"


def _names(metrics: Sequence[MetricEvidence]) -> str:
    return ", ".join(metric.name for metric in metrics) or "no metric"
