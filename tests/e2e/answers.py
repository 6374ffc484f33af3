# SPDX-License-Identifier: GPL-2.0-only
"""Single answers of the data API, as its reference tells their form.

`NOW` is when they are asked; a page gets them with its own clock, so that nothing on it is ever older than it says.
"""

from __future__ import annotations

import hashlib
import math
import random
import time
from typing import Any

NOW = float(int(time.time()))
PEOPLE = ["ada@shop.example", "grace@shop.example", "linus@shop.example", "barbara@shop.example", "edsger@shop.example"]
SUBJECTS = [
    "Checkout: keep the cart when the session is renewed",
    "Search: rank exact matches first",
    "Images: serve WebP where the browser takes it",
    "Invoices in the customer's own language",
    "Raise the pool of database connections to 40",
    "Signup: one field less",
    "Cache product pages for 30 s at the edge",
    "Gift cards: round in the customer's favour",
    "Drop the old recommendation service",
]


def sha(text: str) -> str:
    """A revision that is always the same for the same text."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def landing(number: int, state: str, age: float = 60.0, **more: Any) -> dict[str, Any]:
    """Landing ``number``, in ``state`` since ``age`` seconds."""
    ended = state in ("live", "reverted", "bypassed")
    waiting = {"why": "", "since": NOW - age, "until": None, "position": None, "turn": None, "eta": None}
    body = {
        "id": number,
        "gate": "trunk",
        "base": sha(f"base{number}"),
        "head": sha(f"head{number}"),
        "engineer": PEOPLE[number % len(PEOPLE)],
        "subject": SUBJECTS[number % len(SUBJECTS)],
        "message": f"{SUBJECTS[number % len(SUBJECTS)]}\n\nThe reason is in the ticket.\n\nTags: checkout\n",
        "state": state,
        "open": not ended,
        "since": NOW - age,
        "queued_at": NOW - age - 240,
        "priority": 0,
        "attempt": 1,
        "infra_attempts": 0,
        "not_before": None,
        "held": False,
        "candidate": sha(f"head{number}") if state != "queued" else None,
        "failing": [],
        "cause": None,
        "revert_kind": "",
        "revert": None,
        "reason": "",
        "emergency": "",
        "waiting": None if ended else waiting,
        "can": [],
        "version": 7,
    }
    return {**body, **more, "waiting": None if ended else {**waiting, **more.get("waiting", {})}}


def gate(**more: Any) -> dict[str, Any]:
    """An open gate with nothing in it."""
    stage = {"n": 48, "p50": 214.0, "p90": 371.0}
    body = {
        "name": "trunk",
        "mode": "open",
        "by": "",
        "why": "",
        "until": None,
        "min_priority": 0,
        "beneath": None,
        "trunk": sha("trunk"),
        "tested": sha("tested"),
        "live": sha("live"),
        "slots": {"test": None, "deploy": None},
        "queue": [],
        "queued": 0,
        "open": 0,
        "reverting": [],
        "obstacle": "",
        "safe": True,
        "stages": {"test": stage, "deploy": {"n": 48, "p50": 312.0, "p90": 420.0}, "revert": None},
        "budget": 720.0,
        "version": 91,
        "now": NOW,
    }
    return {**body, **more}


def slot(one: dict[str, Any]) -> dict[str, Any]:
    """A slot that this landing holds."""
    return {
        "landing": one["id"],
        "since": one["since"],
        "engineer": one["engineer"],
        "subject": one["subject"],
        "state": one["state"],
    }


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


def transitions(number: int, way: list[tuple[str, float, str]], actor: str = "gate") -> list[dict[str, Any]]:
    """Lines of a landing's history; each step is (state, seconds spent in it, reason), the last one goes on."""
    at = NOW - sum(seconds for _, seconds, _ in way)
    found: list[dict[str, Any]] = []
    for seq, (state, seconds, reason) in enumerate(way, 1):
        found.append(
            {
                "landing": number,
                "seq": seq,
                "before": found[-1]["after"] if found else None,
                "after": state,
                "at": at,
                "actor": actor,
                "reason": reason,
                "seconds": seconds if seq < len(way) else None,
            }
        )
        at += seconds
    return found


def history(days: int) -> dict[str, Any]:
    """A team that deploys often and takes back what breaks."""
    chance = random.Random(days)

    def stat(n: int, p50: float) -> dict[str, Any]:
        return {"n": n, "p50": p50, "p90": p50 * 1.7, "mean": p50 * 1.12}

    per_day = [
        {
            "day": (NOW // 86400 - days + 1 + i) * 86400,
            "live": chance.randint(28, 55) if (i % 7) < 5 else chance.randint(0, 4),
            "reverted": chance.randint(0, 5),
            "rolled_back": chance.choice([0, 0, 0, 1, 2]),
        }
        for i in range(days)
    ]
    live = sum(one["live"] for one in per_day)
    back = sum(one["rolled_back"] for one in per_day)
    return {
        "gate": "trunk",
        "days": days,
        "since": NOW - days * 86400,
        "until": NOW,
        "lead_time": stat(live, 561.0),
        "wait": stat(live, 74.0),
        "test": stat(live, 214.0),
        "deploy": stat(live, 312.0),
        "restore": stat(back, 41.0),
        "revert": stat(11, 23.0),
        "deploys_per_day": live / days,
        "failure_rate": back / (live + back),
        "counts": {
            "ended": live + 19,
            "live": live,
            "deployed": live + back,
            "rolled_back": back,
            "reverted": 19,
            "reverted_by_test": 14,
            "dependent": 2,
            "withdrawn": 1,
            "retested": 4,
        },
        "per_day": per_day,
    }


def effects_of(number: int) -> list[dict[str, Any]]:
    """What was done for a landing on its way to the hosts."""
    kinds = [("candidate", "cd-git"), ("checks", "cd-plan"), ("build", "cd-release"), ("rollout", "cd-deploy")]
    return [
        {
            "key": f"{number}/1/{kind}",
            "landing": number,
            "kind": kind,
            "state": "done",
            "builder": builder,
            "buildsetid": 100 + i,
            "created_at": NOW - 300 + i * 50,
            "started_at": NOW - 299 + i * 50,
            "result": {},
        }
        for i, (kind, builder) in enumerate(kinds)
    ]


def incident(number: int, landing_id: int, subject: str, **more: Any) -> dict[str, Any]:
    """An open incident of a landing, three days old."""
    opened = NOW - 3 * 86400
    told = [
        (-280.0, "transition", "queued", "pushed"),
        (-218.0, "transition", "testing", "candidate is ready"),
        (-79.0, "run", "gate run ended", "120 tests done, 0 failed"),
        (-78.0, "transition", "deploying", "the deploy slot is free"),
        (-2.0, "verdict", "regression at canary", "errors +38 % on 35 canaries against control"),
        (0.0, "incident", "incident opened", subject),
        (31.0, "transition", "reverting", "every host is back"),
        (39.0, "transition", "reverted", "a commit on trunk reverts it"),
    ]
    body = {
        "id": number,
        "gate": "trunk",
        "landing": landing_id,
        "cause": "rollback",
        "subject": subject,
        "change": SUBJECTS[landing_id % len(SUBJECTS)],
        "reason": "rolled back: errors +38 % on 35 canaries against control",
        "bad": sha(f"head{landing_id}"),
        "state": "open",
        "open": True,
        "overdue": False,
        "obstacle": "No regression test is named.",
        "opened_at": opened,
        "due_at": opened + 7 * 86400,
        "closed_at": None,
        "whys": ["A session was renewed between two requests.", "The cart was kept by its session's key.", "", "", ""],
        "test": "",
        "suggested": [],
        "proof": None,
        "timeline": [{"at": opened + at, "kind": kind, "what": what, "text": text} for at, kind, what, text in told],
        "can": ["answer", "name_test"],
        "version": 4,
    }
    return {**body, **more}


def proof(test: str, bad: str, trunk: str, says: str) -> dict[str, Any]:
    """What two runs have shown."""
    return {
        "test": test,
        "bad": {"revision": sha("head52"), "outcome": bad, "run": 40},
        "trunk": {"revision": sha("trunk"), "outcome": trunk, "run": 41},
        "at": NOW - 3600,
        "holds": (bad, trunk) == ("failed", "passed"),
        "says": says,
    }
