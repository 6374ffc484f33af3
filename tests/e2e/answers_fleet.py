# SPDX-License-Identifier: GPL-2.0-only
"""Single answers of the data API about a rollout: itself, its hosts, what the judge saw."""

from __future__ import annotations

import math
import random
from typing import Any

from answers import NOW, sha

STAGES = [
    {"name": "canary", "hosts": 35, "watch": 120.0, "budget": 1},
    {"name": "fleet", "hosts": 765, "watch": 180.0, "budget": 15},
]


def rollout(number: int, landing_id: int, state: str, stage: str, **more: Any) -> dict[str, Any]:
    """Rollout ``number`` of the landing on 800 hosts."""
    body = {
        "id": number,
        "landing": landing_id,
        "gate": "trunk",
        "release": f"r{landing_id}-{sha(f'head{landing_id}')[:8]}",
        "candidate": sha(f"head{landing_id}"),
        "fence": number,
        "seed": 41,
        "state": state,
        "open": state not in ("done", "rolled_back", "failed"),
        "stage": stage,
        "reason": "",
        "started_at": NOW - 96,
        "ended_at": None,
        "stages": STAGES,
        "size": 800,
        "marks": {"old": 765, "new": 35},
        "verdict": None,
        "can": ["roll_back"],
        "promoted": "",
        "version": 12,
    }
    return {**body, **more}


ROLES = ["web", "api", "worker"]
MARKS = ["old", "switching", "new", "failed", "owed", "back"]
PHASES = ["pending", "staged", "switched", "rolled_back", "healthy", "failed", "unreachable", "unhealthy", "refused"]


def fleet(number: int, marks: dict[str, int], size: int = 800) -> dict[str, Any]:
    """All hosts, packed; ``marks`` are dealt out from the first host on, the rest is old."""
    dealt = [mark for mark, n in marks.items() for _ in range(n)]
    dealt += ["old"] * (size - len(dealt))
    canary = 35 if size >= 100 else max(1, size // 5)
    chance = random.Random(number)
    order = [*dealt[:canary], *chance.sample(dealt[canary:], size - canary)]
    phases = {"old": 1, "switching": 2, "new": 4, "failed": 5, "owed": 6, "back": 3}
    rows, errors = [], {}
    for index, mark in enumerate(order):
        name = f"{ROLES[index % 3]}-{index:03d}"
        new = mark in ("new", "switching", "failed", "owed")
        at = NOW - 30 - index % 20
        rows.append(
            [
                name,
                index % 3,
                0 if index < canary else 1,
                1 if new else 0,
                1 if mark == "new" else 0,
                0,
                phases[mark],
                MARKS.index(mark),
                at,
            ]
        )
        if mark == "failed":
            errors[name] = "health check answered 503 for 15 s"
        if mark == "owed":
            errors[name] = "unreachable: connection timed out"
    return {
        "rollout": number,
        "release": "r57",
        "version": 12,
        "columns": ["host", "role", "stage", "desired", "observed", "previous", "phase", "mark", "at"],
        "roles": ROLES,
        "stages": ["canary", "fleet"],
        "releases": [f"r56-{sha('head56')[:8]}", f"r57-{sha('head57')[:8]}"],
        "phases": PHASES,
        "marks": MARKS,
        "hosts": rows,
        "addresses": {row[0]: f"10.2.{i // 250}.{i % 250}" for i, row in enumerate(rows)},
        "errors": errors,
    }


def samples(looks: int = 40, harm: float = 1.0, gaps: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """What the judge saw: errors, signups and latency; ``harm`` multiplies the canaries' errors from look 8 on."""
    chance = random.Random(5)
    found, log_e = [], 0.0
    for number in range(1, looks + 1):
        blind = number in gaps
        worse = harm if number >= 8 else 1.0
        log_e += (math.log(worse) * 0.45 if worse > 1 else -0.02) * chance.uniform(0.6, 1.4)
        ratio = 1 + (worse - 1) * max(0, number - 8) / max(1, number) + chance.uniform(-0.25, 0.25) / math.sqrt(number)

        def metric(
            name: str, level: float, noise: float, factor: float, seen: float | None, said: float
        ) -> dict[str, Any]:
            canary = None if blind else level * factor * chance.uniform(1 - noise, 1 + noise)  # noqa: B023
            control = None if blind else level * chance.uniform(1 - noise / 4, 1 + noise / 4)  # noqa: B023
            return {
                "name": name,
                "canary": canary,
                "control": control,
                "canary_n": 0 if blind else 3500,  # noqa: B023
                "control_n": 0 if blind else 76500,  # noqa: B023
                "ratio": said,
                "log_e": log_e if name == "errors" else -0.4,  # noqa: B023
                "visible": seen,
            }

        found.append(
            {
                "stage": "canary",
                "at": NOW - 90 + number * 2,
                "number": number,
                "gap": "no answer from the metrics within 5 s" if blind else "",
                "kind": "regression" if log_e > 8 else "undecided",
                "log_e": log_e,
                "needed": 8.0,
                "metrics": [
                    metric("errors", 0.0021, 0.25, worse, 1.31, ratio),
                    metric("signups", 0.012, 0.15, 1.0, 0.84, 1 + chance.uniform(-0.1, 0.1) / math.sqrt(number)),
                    metric("latency", 0.084, 0.06, 1.02, 1.06, 1.02 + chance.uniform(-0.02, 0.02)),
                ],
            }
        )
    return found
