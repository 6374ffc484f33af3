# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import pytest

from buildbot_cd.core.dispatch import may_take


@pytest.mark.parametrize(
    ("worker", "avoid", "available", "may"),
    [
        ("w1", None, ["w1"], True),
        ("w2", "w1", ["w1", "w2"], True),
        ("w1", "w1", ["w1", "w2"], False),
        ("w1", "w1", ["w1"], True),
        ("w1", "w1", [], True),
    ],
)
def test_a_retry_goes_to_another_worker(worker: str, avoid: str | None, available: list[str], may: bool) -> None:
    """The worker on which a test failed does not try it again, unless there is no other."""
    assert may_take(worker, avoid, available) is may
