# SPDX-License-Identifier: GPL-2.0-only
"""What is true of the changes: which tests fail on a tree, and how production takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.landing.verdict import ABSENT, FAILED, PASSED

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Truth:
    """``broken`` changes fail a test, ``harmful`` ones only production, ``leaky`` ones only after a while there;
    ``needs`` maps a change to a path without which it fails; ``sick`` tests fail on every tree until the surroundings
    are mended.
    """

    broken: set[str] = field(default_factory=set)
    harmful: set[str] = field(default_factory=set)
    leaky: set[str] = field(default_factory=set)
    needs: dict[str, str] = field(default_factory=dict)
    sick: set[str] = field(default_factory=set)

    def failing(self, tree: Mapping[str, str]) -> list[str]:
        """The tests that fail on this tree; there is one test for each path."""
        return [
            f"test_{path}"
            for path, content in sorted(tree.items())
            if content in self.broken
            or (content in self.needs and self.needs[content] not in tree)
            or f"test_{path}" in self.sick
        ]

    def outcome(self, test: str, tree: Mapping[str, str]) -> str:
        """One test on one tree."""
        if test.removeprefix("test_") not in tree:
            return ABSENT
        return FAILED if test in self.failing(tree) else PASSED

    def checks(self, tree: Mapping[str, str], fault: str) -> dict[str, Any]:
        """A check run's answer. ``fault``: "" none, infra: no verdict, flaky: one good test fails."""
        if fault == "infra":
            return {"verdict": "infra", "reason": "worker lost"}
        failing = self.failing(tree)
        if fault == "flaky":
            failing = sorted({*failing, f"test_{min(tree, default='a')}"})
        return {"verdict": "failed", "failing": failing} if failing else {"verdict": "passed", "reason": "all passed"}

    def confirm(
        self, failing: list[str], tree: Mapping[str, str], tested: Mapping[str, str], fault: str
    ) -> dict[str, Any]:
        """A second look's answer. ``fault``: infra: nothing is known of one side; flaky: the second run passes."""
        retry = {} if fault == "infra" else {test: self.outcome(test, tree) for test in failing}
        if fault == "flaky":
            retry = dict.fromkeys(failing, PASSED)
        return {"retry": retry, "base": {test: self.outcome(test, tested) for test in failing}}

    def rollout(self, tree: Mapping[str, str], fault: str) -> dict[str, Any]:
        """A rollout's answer."""
        if fault:
            return {"verdict": "infra", "reason": "hosts unreachable"}
        bad = sorted(set(tree.values()) & self.harmful)
        if bad:
            return {"verdict": "regression", "failing": ["http_500"], "reason": "http_500 rose on the canaries"}
        return {"verdict": "live", "reason": "watched to the end"}

    def settle(self, tree: Mapping[str, str], before: Mapping[str, str], fault: str) -> dict[str, Any]:
        """A longer watch's answer: what leaked before this landing already does not speak against it."""
        if fault:
            return {"verdict": "infra", "reason": "the metrics do not answer"}
        bad = (set(tree.values()) - set(before.values())) & self.leaky
        if bad:
            return {"verdict": "regression", "failing": ["memory"], "reason": "memory grew on the whole fleet"}
        return {"verdict": "live", "reason": "watched on to the end"}
