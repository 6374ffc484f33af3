# SPDX-License-Identifier: GPL-2.0-only
"""A world for each test, which must have kept every invariant when the test is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from buildbot_cd.core.landing.moves import Policy
from buildbot_cd.testing.simulation.history import ANYTIME
from buildbot_cd.testing.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A gate with one master; an indirect parameter holds the policy's settings."""
    made = World(Policy(**getattr(request, "param", {})), masters=1)
    yield made
    assert not made.witness.broken
    assert [text for check in ANYTIME.values() if (text := check(made))] == []
