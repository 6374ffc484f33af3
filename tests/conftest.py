# SPDX-License-Identifier: GPL-2.0-only
"""Rules for every test: on the build server nothing is skipped silently, and chance is the same in every run."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# No deadline: the machines that run this are shared, and a slow minute is no wrong answer.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")


SLOW = ("postgres", "sshd", "integration", "e2e")
"""Marks of tests that come last, the slowest at the end: who breaks a rule hears of it within a minute."""

INTEGRATION = SLOW.index("integration") + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first; within the same kind the order stays, except that of files with real masters that one whose
    tests may take longest, all together, comes first: where several run side by side, it is not the last to begin.
    """
    longest = Counter[Path]()
    for item in items:
        if _kind(item) == INTEGRATION and (limit := item.get_closest_marker("timeout")) is not None:
            longest[item.path] += int(limit.args[0])
    items.sort(key=lambda item: (_kind(item), -longest[item.path] if _kind(item) == INTEGRATION else 0))


def _kind(item: pytest.Item) -> int:
    return max((at for at, mark in enumerate(SLOW, 1) if item.get_closest_marker(mark)), default=0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true a test that skips itself has failed: the build server is where everything must run."""
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that is skipped while it is collected."""
    return _refuse_skip((yield))


def _refuse_skip(report: Report) -> Report:
    expected_failure = hasattr(report, "wasxfail")
    if os.environ.get("CI") == "true" and report.skipped and not expected_failure:
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=true does not allow: {_reason(report)}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """A skip's report carries (file, line, reason)."""
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
