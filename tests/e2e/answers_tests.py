# SPDX-License-Identifier: GPL-2.0-only
"""Single answers of the data API about tests: runs of them, and what many runs together tell."""

from __future__ import annotations

import math
import random
from typing import Any

from answers import NOW, sha


def run(number: int, landing_id: int, kind: str = "gate", **more: Any) -> dict[str, Any]:
    """A run of tests under way."""
    body = {
        "id": number,
        "landing": landing_id,
        "gate": "trunk",
        "kind": kind,
        "revision": sha(f"head{landing_id}"),
        "state": "running",
        "created_at": NOW - 158,
        "planned_at": NOW - 150,
        "ended_at": None,
        "error": "",
        "counts": {"waiting": 31, "claimed": 8, "done": 81, "failed": 0, "total": 120},
        "workers": ["test-1", "test-2", "test-3", "test-4"],
        "makespan": 150.0,
        "lower_bound": 128.4,
        "binding": "total",
        "advice": "a fifth worker would save about 25 s",
        "selection": {"everything": None, "chosen": 120, "left_out": 1840},
        "missing_tags": [{"tag": "payments", "because": "rule src/cart/**", "tests": 34}],
        "unknown_tags": [{"tag": "chekout", "nearest": "checkout"}],
        "unknown_tests": [],
    }
    return {**body, **more}


def all_done(total: int, failed: int = 0) -> dict[str, int]:
    """Counts of a run that has ended."""
    return {"waiting": 0, "claimed": 0, "done": total, "failed": failed, "total": total}


def plan_of(number: int, done: int = 120, total: int = 120, failing: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """The tests of a run on four workers, one after the other on each, longest first."""
    chance = random.Random(number)
    clock = dict.fromkeys(["test-1", "test-2", "test-3", "test-4"], NOW - 150.0)
    found = []
    for position in range(total):
        seconds = round(max(0.4, 14 * math.exp(-position / 45) * chance.uniform(0.7, 1.3)), 2)
        worker = min(clock, key=lambda name: clock[name])
        ended = position < done
        clock[worker] += seconds if ended else 0
        found.append(
            {
                "run": number,
                "nid": f"tests/test_{['cart', 'checkout', 'search', 'signup'][position % 4]}.py::test_case_{position}",
                "position": position,
                "estimate": seconds,
                "rank": seconds,
                "requires": ["tests/test_cart.py::test_case_0"] if position in (8, 12) else [],
                "group": None,
                "avoid_worker": None,
                "state": "done" if ended else "waiting",
                "worker": worker if ended else None,
                "claimed_at": clock[worker] - seconds if ended else None,
                "done_at": clock[worker] if ended else None,
                "seconds": seconds if ended else None,
                "outcome": ("failed" if position in failing else "passed") if ended else None,
                "reasons": ["tag checkout"] if position % 3 else ["rule src/cart/** adds payments", "tag payments"],
                "text": "assert 7 == 8\n  where 7 = total(cart)" if position in failing else "",
            }
        )
    return found


FILES = ["cart", "checkout", "search", "signup"]


def suite(size: int = 1960) -> list[dict[str, Any]]:
    """All tests over many runs: few are slow, few flake, some were never selected, one has never passed."""
    chance = random.Random(3)
    found = []
    for number in range(size):
        never, flakes = number % 16 == 9, (number % 53 == 7) * (1 + number % 4)
        seconds = round(0.05 + 28 * math.exp(-number / 60) * chance.uniform(0.6, 1.4), 3)
        found.append(
            {
                "nid": f"pytest:tests/test_{FILES[number % 4]}.py::test_case_{number}",
                "seconds": None if number == 41 else seconds,
                "selected": 0 if never else chance.randint(1, 50),
                "failed": flakes + (number % 97 == 3),
                "ended_at": None if never else NOW - chance.randint(300, 86_400),
                "passed_at": None if number == 41 else NOW - chance.randint(300, 86_400) * (12 if never else 1),
                "flakes": flakes,
                "flake_rate": flakes / 50,
                "mapped_at": None if number % 31 == 0 else NOW - chance.randint(3600, 900_000),
                "quarantined_until": NOW + 5 * 86_400 if number == 7 else None,
            }
        )
    return found


def learnt(**more: Any) -> dict[str, Any]:
    """What was learnt of all of them together."""
    shares = {0.5: 0.21, 1: 0.38, 2: 0.55, 3: 0.66, 4: 0.74, 5: 0.79, 6: 0.84, 8: 0.9, 10: 0.94, 12: 0.96}
    body = {
        "gate": "trunk",
        "days": 30,
        "runs": 50,
        "tests": 1960,
        "flaky": 37,
        "never": 122,
        "mapped": 1896,
        "oldest": NOW - 12 * 86_400,
        "median": NOW - 1.4 * 86_400,
        "failures": 84,
        "curve": [{"seconds": 60 * minutes, "share": share} for minutes, share in shares.items()],
        "now": NOW,
    }
    return {**body, **more}


def capacity(**more: Any) -> dict[str, Any]:
    """Six workers would be enough, and there are four."""
    late = {1: 3410.0, 2: 1722.0, 3: 1160.0, 4: 884.0, 5: 738.0, 6: 634.0, 8: 511.0}
    body = {
        "gate": "trunk",
        "budget": 720.0,
        "runs": 20,
        "workers": 6,
        "today": 4,
        "most": 200,
        "overhead": 0.21,
        "tried": [{"workers": workers, "p50": 0.84 * took, "p95": took} for workers, took in late.items()],
        "split": [
            {"nid": "pytest:tests/test_checkout.py::test_whole_order", "seconds": 128.0, "gain": 22.5},
            {"nid": "pytest:tests/test_search.py::test_reindex", "seconds": 113.0, "gain": 6.0},
        ],
        "now": NOW,
    }
    return {**body, **more}


PATCH = """\
--- a/.buildbot-cd.yaml
+++ b/.buildbot-cd.yaml
@@ -1,3 +1,4 @@
 rules:
+  - {paths: [src/session.py], tags: [checkout]}
   - {paths: [src/cart/**], tags: [payments]}
 tags:
"""


def escape(number: int, test: str, rule: str, **more: Any) -> dict[str, Any]:
    """A failure that the gate missed, and whose it was."""
    body = {
        "id": number,
        "gate": "trunk",
        "test": f"pytest:tests/{test}",
        "run": 19,
        "found_at": NOW - 86_400 * number,
        "base": sha("base"),
        "suspects": [50, 51],
        "state": "found",
        "open": False,
        "probes": [[1, 20, "failed"]],
        "culprit": 51,
        "probability": 0.99,
        "missing_tag": "checkout",
        "rule": rule,
        "patch": PATCH if rule else "",
        "tags": ["checkout"],
        "declared": [],
        "files": ["src/session.py"],
        "reason": "it passes before #51 and fails with it",
        "ended_at": NOW - 86_000 * number,
        "version": 5,
    }
    return {**body, **more}
