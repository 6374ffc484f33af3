# SPDX-License-Identifier: GPL-2.0-only
"""The picture of `python -m bench immune --plot DIR`: who cries wolf, and how long it takes to see harm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.report import Report

_CAP = 30.0


def draw(report: Report, ours: str, alpha: float, folder: Path) -> Path:
    """Two rows of dots a method: its false rollbacks by harmless fleet, its median delays by bad release."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    wolf = {ours: report.ours["false_rollbacks"], **report.peers["false_rollbacks"]}
    names = list(wolf)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
    for place, name in enumerate(names):
        colour = "tab:green" if name == ours else "tab:gray"
        left.plot(list(wolf[name].values()), [place] * len(wolf[name]), "o", color=colour, alpha=0.6)
        delays = [_delay(one) for one in _matched(report, ours, name).values()]
        right.plot(delays, [place] * len(delays), "o", color=colour, alpha=0.6)
    left.axvline(alpha, color="tab:red", linewidth=1)
    left.set(xlabel="false rollbacks of harmless releases (a dot a fleet)", yticks=range(len(names)), yticklabels=names)
    right.set(xlabel=f"median minutes to see harm, at 1 % false rollbacks (a dot a release; {_CAP:g}: never)")
    left.invert_yaxis()
    figure.tight_layout()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "immune.svg"
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path


def _matched(report: Report, ours: str, name: str) -> dict[str, Any]:
    group = report.ours if name == ours else report.peers
    found: dict[str, Any] = group[f"{name} matched"]
    return found


def _delay(told: dict[str, Any]) -> float:
    return _CAP if told["delay"] is None else float(told["delay"])
