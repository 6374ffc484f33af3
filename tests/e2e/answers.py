# SPDX-License-Identifier: GPL-2.0-only
"""Single answers of the data API, as its reference tells their form.

`NOW` is when they are asked; a page gets them with its own clock, so that nothing on it is ever older than it says.
"""

from __future__ import annotations

import hashlib
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


def no_history(days: int) -> dict[str, Any]:
    """That of a gate that nothing came through."""
    none = {"n": 0, "p50": None, "p90": None, "mean": None}
    parts = dict.fromkeys(("lead_time", "wait", "test", "deploy", "restore", "revert"), none)
    found = history(days)
    rates = {"deploys_per_day": 0.0, "failure_rate": None}
    return {**found, **parts, **rates, "counts": dict.fromkeys(found["counts"], 0), "per_day": []}


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
