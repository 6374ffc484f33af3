# SPDX-License-Identifier: GPL-2.0-only
"""What idle test workers do: the section `backstop`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictInt

from buildbot_cd.config.section import Section
from buildbot_cd.config.units import Pause, Ratio


class Backstop(Section):
    """Tests that the gate left out run on idle workers; a failure there is traced to its landing."""

    full: Pause = 6 * 3600.0
    """From one run of the whole suite to the next; `0s`: never."""
    rolling: Pause = 120.0
    """How much of the stalest tests each idle worker runs at a time; `0s`: none."""
    sure: Annotated[Ratio, Field(ge=0.5, lt=1.0)] = 0.99
    """How probable a landing's guilt must be before it is named."""
    probes: Annotated[StrictInt, Field(ge=8, le=1000)] = 40
    """So many runs of a test one search may cost."""
    flake: Annotated[Ratio, Field(gt=0.0, lt=0.5)] = 0.01
    """How often a test fails without a reason, where nothing better is known."""
