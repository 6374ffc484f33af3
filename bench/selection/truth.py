# SPDX-License-Identifier: GPL-2.0-only
"""What really fails with a fault: every test is run. Kept in the bench's cache: nearly all of the time goes there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.selection import suite
from bench.selection.projects import cache, interpreter

if TYPE_CHECKING:
    from pathlib import Path

    from bench.selection.mutants import Mutant
    from bench.selection.projects import Project
    from buildbot_cd.core.selection import Test


@dataclass(frozen=True)
class Truth:
    """The tests that failed, and whether the collection broke or the run hung."""

    bad: frozenset[str]
    broken: bool = False
    hung: bool = False


def truth(project: Project, version: str, where: Path, tests: list[Test], mutant: Mutant, look: int = 1) -> Truth:
    """Of the fault, which is in the checkout already; ``look`` counts the runs of it, each kept by itself."""
    kept = _place(project, version, mutant, look)
    if kept.exists():
        value = json.loads(kept.read_text())
        return Truth(frozenset(value["bad"]), value["broken"], value["hung"])
    ran = suite.run(project, where, tests, recorded=False)
    found = Truth(frozenset(ran.bad), bool(ran.errors), ran.hung)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"bad": sorted(found.bad), "broken": found.broken, "hung": found.hung}))
    return found


def known(project: Project, version: str, mutant: Mutant) -> bool:
    """Whether the answer costs nothing."""
    return _place(project, version, mutant, 1).exists()


def _place(project: Project, version: str, mutant: Mutant, look: int) -> Path:
    parts = (version.encode(), str(interpreter()).encode(), mutant.path.encode(), mutant.text)
    name = hashlib.sha256(b"\0".join(parts)).hexdigest()[:24]
    return cache() / "truth" / project.name / f"{name}-{look}.json"
