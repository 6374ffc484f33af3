# SPDX-License-Identifier: GPL-2.0-only
"""What the memory store holds. Rows are frozen values in order of their ids, so a copy of the dicts is a snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from buildbot_cd.core.incident import Incident
    from buildbot_cd.core.landing.people import Push
    from buildbot_cd.core.landing.trust import Quarantine
    from buildbot_cd.core.landing.values import Gate, Intent, Landing, Slot, Transition
    from buildbot_cd.store.rows import Escape, HostRow, Rollout, Run, RunTest, Verdict


@dataclass(slots=True)
class Tables:
    """All tables; dicts keep the order in which rows came, which is the order of ids."""

    gates: dict[str, Gate] = field(default_factory=dict)
    landings: dict[int, Landing] = field(default_factory=dict)
    transitions: dict[tuple[int, int], Transition] = field(default_factory=dict)
    pushes: dict[tuple[str, str], Push] = field(default_factory=dict)
    flakes: dict[tuple[str, str, int], float] = field(default_factory=dict)
    quarantines: dict[tuple[str, str], Quarantine] = field(default_factory=dict)
    stressed: dict[tuple[str, str], tuple[int, int, float]] = field(default_factory=dict)
    wrong_reverts: dict[int, tuple[str, str, float]] = field(default_factory=dict)
    slots: dict[tuple[str, Slot], tuple[int, float]] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    run_tests: dict[tuple[int, str], RunTest] = field(default_factory=dict)
    durations: dict[tuple[str, str], tuple[float, float, float]] = field(default_factory=dict)
    speeds: dict[tuple[str, str], tuple[float, int, float | None]] = field(default_factory=dict)
    rollouts: dict[int, Rollout] = field(default_factory=dict)
    hosts: dict[tuple[int, str], HostRow] = field(default_factory=dict)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    escapes: dict[int, Escape] = field(default_factory=dict)
    ages: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)
    incidents: dict[int, Incident] = field(default_factory=dict)

    def copy(self) -> Tables:
        """A snapshot, to go on with or to go back to."""
        return Tables(**{one.name: dict(getattr(self, one.name)) for one in fields(self)})
