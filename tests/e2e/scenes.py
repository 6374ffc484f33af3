# SPDX-License-Identifier: GPL-2.0-only
"""Situations of a shop's day, each with everything that the pages may ask about it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from answers import NOW, effects_of, gate, incident, landing, proof, sha, slot, transitions
from answers_fleet import fleet, rollout, samples
from answers_tests import all_done, capacity, escape, learnt, plan_of, run, suite


def unlearnt() -> dict[str, Any]:
    """What is known before the first run."""
    nothing = dict.fromkeys(("tests", "never", "flaky", "runs", "mapped", "failures"), 0)
    return learnt(**nothing, oldest=None, median=None, curve=[{"seconds": 60.0, "share": None}])


def unmeasured() -> dict[str, Any]:
    """The capacity before the first run."""
    return capacity(runs=0, workers=None, today=0, tried=[], split=[])


@dataclass
class Scene:
    """Everything that the pages may ask for; tests change single parts of it."""

    gates: list[dict[str, Any]] = field(default_factory=list)
    landings: list[dict[str, Any]] = field(default_factory=list)
    transitions: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    effects: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    tests: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    rollouts: list[dict[str, Any]] = field(default_factory=list)
    fleets: dict[int, dict[str, Any]] = field(default_factory=dict)
    verdicts: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    samples: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    suite: list[dict[str, Any]] = field(default_factory=list)
    learnt: dict[str, Any] = field(default_factory=unlearnt)
    capacity: dict[str, Any] = field(default_factory=unmeasured)
    escapes: list[dict[str, Any]] = field(default_factory=list)

    def copy(self) -> Scene:
        """One that a test may change."""
        return copy.deepcopy(self)


READS = "- {glob: tests/test_tax.py, data: [rates.csv]}"
"""A rule of which the file is written so that no patch can be made."""


def busy_day() -> Scene:
    """One lands, one is tested, four wait; some have ended."""
    deploying = landing(
        57,
        "deploying",
        96,
        can=["roll_back"],
        waiting={"why": "watching canary: 84 s of 120 s, nothing against it", "eta": [NOW + 190, NOW + 330]},
    )
    testing = landing(
        58,
        "testing",
        150,
        can=["withdraw"],
        waiting={"why": "120 tests on 4 workers, 81 done", "eta": [NOW + 420, NOW + 800]},
    )
    queue = [
        landing(
            58 + i,
            "queued",
            90.0 - 17 * i,
            can=["hold", "withdraw"],
            waiting={
                "why": f"#{57 + i} is before it" if i > 1 else "the test slot is taken by #58",
                "position": i,
                "turn": [NOW + 200 * i, NOW + 370 * i],
                "eta": [NOW + 200 * i + 520, NOW + 370 * i + 800],
            },
        )
        for i in range(1, 5)
    ]
    queue[2].update(held=True, not_before=4102444800.0, can=["release", "withdraw"])
    queue[2]["waiting"].update(why="held by barbara: wait for the migration", eta=None, turn=None)
    ended = [
        landing(56, "live", 130),
        landing(55, "live", 710),
        landing(
            54,
            "reverted",
            1260,
            failing=["tests/test_cart.py::test_total"],
            revert_kind="test",
            revert=sha("revert54"),
            reason="tests/test_cart.py::test_total failed twice, on test-2 and test-4, and passes before it",
        ),
        landing(53, "live", 1900),
        landing(
            52,
            "reverted",
            2700,
            failing=["errors"],
            revert_kind="deploy",
            revert=sha("revert52"),
            reason="rolled back: errors +38 % on 35 canaries against control",
        ),
        landing(51, "live", 3600),
    ]
    scene = Scene(
        gates=[
            gate(
                slots={"test": slot(testing), "deploy": slot(deploying)},
                queue=[one["id"] for one in queue],
                queued=4,
                open=6,
                obstacle="the test slot is taken by #58",
            )
        ],
        landings=[*ended, deploying, testing, *queue],
        runs=[
            run(31, 58),
            run(30, 57, state="done", ended_at=NOW - 100, makespan=139.0, counts=all_done(120)),
            *(
                run(
                    20 + i,
                    49 + i,
                    state="done",
                    ended_at=NOW - 900,
                    makespan=100.0 + 9 * i,
                    counts=all_done(80 + 5 * i),
                )
                for i in range(2, 8)
            ),
            run(28, 54, kind="retry", state="done", ended_at=NOW - 1270, makespan=9.0, counts=all_done(2)),
        ],
        rollouts=[
            rollout(
                12,
                57,
                "watching",
                "canary",
                verdict={
                    "stage": "canary",
                    "at": NOW - 4,
                    "kind": "undecided",
                    "reason": "no sign of harm in 40 looks",
                },
            ),
            rollout(11, 56, "done", "fleet", can=[], ended_at=NOW - 130, started_at=NOW - 500, marks={"new": 800}),
        ],
    )
    scene.tests = {
        31: plan_of(31, done=81),
        30: plan_of(30),
        25: plan_of(25, 30, 30, failing=(4, 5)),
        28: plan_of(28, 6, 6, failing=(5,)),
    }
    scene.fleets = {12: fleet(12, {"new": 35}), 11: fleet(11, {"new": 800})}
    scene.samples = {12: samples(gaps=(20, 21)), 11: []}
    scene.transitions = {
        57: transitions(
            57,
            [
                ("queued", 62, "pushed"),
                ("preparing", 3, "the test slot is free"),
                ("testing", 139, "candidate is ready"),
                ("passed", 1, "120 tests passed"),
                ("deploying", 96, "the deploy slot is free"),
            ],
        ),
        58: transitions(
            58,
            [
                ("queued", 40, "pushed"),
                ("preparing", 2, "the test slot is free"),
                ("testing", 150, "candidate is ready"),
            ],
        ),
    }
    scene.effects = {57: effects_of(57), 58: effects_of(58)[:2]}
    scene.incidents = incidents()
    scene.suite, scene.learnt, scene.capacity = suite(), learnt(), capacity()
    scene.escapes = [
        escape(1, "test_session.py::test_renewal", "- {paths: [src/session.py], tags: [checkout]}"),
        escape(2, "test_session.py::test_expiry", "- {paths: [src/session.py], tags: [checkout]}", culprit=49),
        escape(3, "test_images.py::test_webp", "", state="flaky", culprit=None),
        escape(4, "test_tax.py::test_rates", READS, missing_tag="", patch=""),
    ]
    return scene


def incidents() -> list[dict[str, Any]]:
    """One is overdue since its test shows nothing, one has no test yet, one has closed."""
    renewed = "pytest:tests/test_session.py::test_cart_survives_renewal"
    says = "It passes on the bad revision too, so it would not have caught this."
    total = "pytest:tests/test_cart.py::test_total"
    return [
        incident(
            1,
            52,
            "metric errors",
            opened_at=NOW - 9 * 86400,
            due_at=NOW - 2 * 86400,
            overdue=True,
            obstacle=says,
            test=renewed,
            suggested=[],
            proof=proof(renewed, "passed", "passed", says),
            can=["answer", "name_test", "prove"],
        ),
        incident(
            2,
            54,
            "tests/test_cart.py::test_total",
            cause="revert",
            state="closed",
            open=False,
            obstacle="",
            closed_at=NOW - 86400,
            test=total,
            suggested=[total],
            proof=proof(total, "failed", "passed", "It fails on the bad revision and passes on trunk."),
            can=["answer"],
        ),
        incident(3, 49, "metric orders per minute"),
    ]


def taken_back() -> Scene:
    """A regression in production: the canaries go back, and the landing is reverted."""
    bad = landing(
        57,
        "rolling_back",
        12,
        failing=["errors"],
        revert_kind="deploy",
        reason="errors ×2.4 on 35 canaries against 765 others",
        waiting={"why": "35 hosts go back to the release before"},
    )
    scene = busy_day()
    scene.landings = [one for one in scene.landings if one["id"] < 57]
    scene.landings += [
        bad,
        landing(
            58, "queued", 12, waiting={"why": "a landing is being taken back", "position": 1}, can=["hold", "withdraw"]
        ),
    ]
    scene.gates = [
        gate(
            slots={"test": None, "deploy": slot(bad)},
            reverting=[57],
            queue=[58],
            queued=1,
            open=2,
            safe=False,
            obstacle="#57 is being taken back",
        )
    ]
    verdict = {
        "stage": "canary",
        "at": NOW - 12,
        "kind": "regression",
        "reason": "errors ×2.4 against control, proved by 3,500 requests",
    }
    scene.rollouts[0] = rollout(
        12,
        57,
        "rolling_back",
        "canary",
        can=[],
        verdict=verdict,
        marks={"old": 765, "back": 21, "switching": 12, "failed": 1, "owed": 1},
    )
    scene.verdicts = {
        12: [{"id": 5, "rollout": 12, **verdict, "culprits": ["errors"], "log_e": 9.7, "needed": 8.0, "metrics": []}]
    }
    scene.fleets[12] = fleet(12, {"back": 21, "switching": 12, "failed": 1, "owed": 1})
    scene.samples[12] = samples(harm=2.4, gaps=(5,))
    scene.transitions[57] = transitions(
        57,
        [
            ("queued", 62, "pushed"),
            ("preparing", 3, "the test slot is free"),
            ("testing", 139, "candidate is ready"),
            ("passed", 1, "120 tests passed"),
            ("deploying", 84, "the deploy slot is free"),
            ("rolling_back", 12, "errors ×2.4 on 35 canaries against 765 others"),
        ],
    )
    return scene


def frozen() -> Scene:
    """Somebody has frozen the gate for an hour."""
    scene = busy_day()
    scene.gates[0].update(
        mode="closed",
        by="ada@shop.example",
        why="the database moves to the new rack",
        until=NOW + 3300,
        safe=False,
        obstacle="the gate is frozen",
    )
    return scene


def quiet() -> Scene:
    """Nothing under way."""
    scene = busy_day()
    scene.landings = [one for one in scene.landings if not one["open"]]
    scene.gates = [gate()]
    scene.rollouts = scene.rollouts[1:]
    return scene


SCRIPT = '<img src=x onerror="window.cdPwned=1"><script>window.cdPwned=1</script>\' " `${7*7}` \u202e' + "a" * 200


def hostile() -> Scene:
    """Everything that comes from outside is named like an attack on the page."""
    scene = taken_back()
    for one in scene.landings:
        one.update(subject=SCRIPT, engineer=f"{SCRIPT}@x", message=SCRIPT, reason=SCRIPT, failing=[SCRIPT])
        if one["waiting"]:
            one["waiting"]["why"] = SCRIPT
    scene.gates[0].update(by=SCRIPT, why=SCRIPT, obstacle=SCRIPT)
    for run_ in scene.runs:
        run_.update(
            error=SCRIPT, advice=SCRIPT, missing_tags=[{"tag": SCRIPT, "because": SCRIPT, "tests": 1}], workers=[SCRIPT]
        )
    for tests in scene.tests.values():
        for test in tests:
            test.update(
                nid=SCRIPT + str(test["position"]), text=SCRIPT, outcome="failed", worker=SCRIPT, reasons=[SCRIPT]
            )
    for one in scene.rollouts:
        one.update(release=SCRIPT, reason=SCRIPT)
    for one in scene.incidents:
        one.update(subject=SCRIPT, change=SCRIPT, reason=SCRIPT, obstacle=SCRIPT, test=SCRIPT, whys=[SCRIPT] * 5)
        one["timeline"][0].update(what=SCRIPT, text=SCRIPT)
        if one["proof"]:
            one["proof"].update(says=SCRIPT, bad={"revision": SCRIPT, "outcome": SCRIPT, "run": 1})
    _hostile_rollout(scene)
    _hostile_tests(scene)
    return scene


def _hostile_rollout(scene: Scene) -> None:
    packed = scene.fleets[12]
    packed["hosts"][0][0] = packed["stages"][0] = packed["roles"][0] = SCRIPT
    packed["releases"] = [SCRIPT, SCRIPT]
    packed["errors"][SCRIPT] = packed["addresses"][SCRIPT] = SCRIPT
    for one in scene.verdicts[12]:
        one.update(reason=SCRIPT, culprits=[SCRIPT])
    for look in scene.samples[12]:
        look["metrics"][0]["name"] = SCRIPT
        look["gap"] = look["gap"] and SCRIPT
    for line in scene.transitions[57]:
        line.update(reason=SCRIPT, actor=SCRIPT)


def _hostile_tests(scene: Scene) -> None:
    for one in scene.suite[:40]:
        one["nid"] = f"pytest:{SCRIPT}::{SCRIPT}{one['nid']}"
    scene.capacity["split"][0]["nid"] = SCRIPT
    for one in scene.escapes:
        one.update(test=SCRIPT, missing_tag=SCRIPT, rule=SCRIPT + str(one["id"]), patch=SCRIPT, reason=SCRIPT)
