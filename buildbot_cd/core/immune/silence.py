# SPDX-License-Identifier: GPL-2.0-only
"""Hosts that fall silent, as a metric of its own: does the release take canaries away, one after the other?

A host that does not answer reports no errors either; without this test the worst canaries would be left out of the
comparison. Each host counts once, when it has been missing twice in a row, so that one broken machine is one event
however long it is gone, and a lost packet is none. Whose hosts they are is compared with the arms' sizes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot_cd.core.immune.counts import CountProcess
from buildbot_cd.core.immune.interval import Interval, Reading
from buildbot_cd.core.immune.values import MetricEvidence, MetricSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

SILENT_HOSTS = "silent hosts"
"""What the test is called in verdicts; a name that no metric of a configuration can have."""

SILENCE_SHARE = 0.05
"""Its part of the false-alarm budget, where there are controls."""

_MISSED = 2


class SilenceProcess:
    """Evidence that canaries fall silent more often than controls."""

    def __init__(
        self, canary: frozenset[str], control: frozenset[str], baseline: Sequence[Interval], needed: float
    ) -> None:
        self.spec = MetricSpec(SILENT_HOSTS, tolerance=0.5, hard_share=None)
        self._process = CountProcess(self.spec, canary, control, (), needed)
        self._watched = canary | control
        self._at_risk: set[str] = set()
        self._missed: dict[str, int] = {}
        for interval in baseline:
            self._at_risk |= interval.answered & self._watched

    def observe(self, interval: Interval) -> None:
        """Take in one interval."""
        self._at_risk |= (interval.answered & self._watched) - self._missed.keys()
        fallen = set()
        for host in self._at_risk - interval.answered:
            self._missed[host] = self._missed.get(host, 0) + 1
            if self._missed[host] == _MISSED:
                fallen.add(host)
        for host in interval.answered & self._missed.keys():
            if self._missed[host] < _MISSED:
                del self._missed[host]
        if fallen:
            readings = tuple(Reading(host, float(host in fallen), 1.0) for host in sorted(self._at_risk))
            self._process.observe(Interval(interval.number, interval.time, {SILENT_HOSTS: readings}))
        self._at_risk -= fallen

    def evidence(self) -> MetricEvidence:
        """Where the test stands; no host that fell silent is no evidence, and no gap either."""
        found = self._process.evidence()
        note = found.note if found.samples else ""
        return replace(found, blind=False, missing=False, visible=None, note=note)
