# SPDX-License-Identifier: GPL-2.0-only
"""Random histories on real git through the gate's own rules and the git program, with faults.

``make histories`` or CD_HISTORIES=500 runs more of them; CD_SEED=n runs the one history of that seed.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.testing.histories.engineers import Engineers
from buildbot_cd.testing.histories.outcome import Outcome
from buildbot_cd.testing.histories.trial import Trial
from buildbot_cd.testing.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = int(os.environ.get("CD_HISTORIES", "60"))
BATCHES = 6
PUSHES = (3, 10)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Somewhere fast: memory, where the machine offers it."""
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))  # noqa: S108 - mkdtemp is safe
    yield place
    shutil.rmtree(place)


def history(seed: int, folder: Path) -> Counter[str]:
    """One history; what happened in it."""
    random = Random(seed)
    place = folder / str(seed)
    server = Repository.create(place / "server.git")
    server.git("config", "core.logAllRefUpdates", "true")
    server.git("config", "receive.denyNonFastForwards", "false")  # a forced push has to be seen, not to be prevented
    server.git("config", "gc.auto", "0")
    trial = Trial(place, random, Engineers(server.path, random))
    trial.run(random.randint(*PUSHES))
    outcome = Outcome.read(trial)
    outcome.check()
    counts = trial.counts
    counts.update(f"landings {one.state}" for one in outcome.landings)
    counts.update(f"reverted: {one.revert_kind}" for one in outcome.landings if one.revert_kind)
    counts["histories"] += 1
    counts["commits"] += len(trial.engineers.pushed)
    counts["reverts on trunk"] += len(outcome.reverts)
    shutil.rmtree(place)
    return counts


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_histories_end_well(folder: Path, batch: int, capsys: pytest.CaptureFixture[str]) -> None:
    """tree(trunk) == tree(tested) == tree(live); every commit live or named by one revert; trunk was never forced."""
    own = os.environ.get("CD_SEED")
    seeds = [int(own)] if own else range(batch, COUNT, BATCHES)
    total: Counter[str] = Counter()
    for seed in seeds:
        try:
            total += history(seed, folder)
        except Exception as error:
            error.add_note(f"CD_SEED={seed} runs this history alone")
            raise
    with capsys.disabled():
        sys.stdout.write(f"\n  {', '.join(f'{count} {name}' for name, count in sorted(total.items()))}\n")
    assert total["landings live"] > 0
    assert total["landings reverted"] > 0 or own
