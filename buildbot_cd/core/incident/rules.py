# SPDX-License-Identifier: GPL-2.0-only
"""When an incident opens, what may be added to it, and when it closes: anything can break once.

It closes when a regression test is named and the system has shown that this test fails on the bad revision and passes
on trunk. Nobody's word closes it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from buildbot_cd.core.incident.values import WHYS, Cause, Incident, Side, Standing
from buildbot_cd.errors import ControlRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 2000
"""Characters of an answer."""

LONGEST_TEST = 1000
"""Characters of a test's id."""

FAILS = frozenset({"failed"})
"""Outcomes that show that a test catches something. An error before or after the test itself shows nothing."""

PASSES = frozenset({"passed"})
"""Outcomes that show that trunk is well. A skipped test shows nothing."""

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w")
_BUILDER = "builder:"


def cause_of(state: str, kind: str) -> Cause | None:
    """What opens an incident when a landing comes into this state with this kind of revert; None: nothing does.

    A withdrawal is a person's wish, what goes along with another landing has that one's incident, and a patch that was
    judged before has its first one.
    """
    if state == "rolling_back" or (state == "reverting" and kind == "deploy"):
        return Cause.ROLLBACK
    return Cause.REVERT if state == "reverting" and kind == "test" else None


def nameable(failing: Sequence[str]) -> tuple[str, ...]:
    """Of what failed, the tests that can be named; a builder or a metric is none."""
    return tuple(one for one in failing if ":" in one and not one.startswith(_BUILDER))


def subject_of(failing: Sequence[str], change: str) -> str:
    """The first that failed, or the change: what the incident is called. Never a person."""
    if not failing:
        return change
    more = f" and {len(failing) - 1} more" if len(failing) > 1 else ""
    return failing[0].removeprefix("pytest:") + more


def answered(incident: Incident, number: int, text: str) -> Incident:
    """The answer to the why of this number (1 to WHYS); an empty text takes it back. ControlRefused if it cannot be.

    A closed incident may still be answered: what is learnt later is learnt all the same.
    """
    if not 1 <= number <= WHYS:
        raise ControlRefused(f"there are {WHYS} whys, numbered from 1; not {number}")
    if len(text) > LONGEST:
        raise ControlRefused(f"the answer has {len(text)} characters; {LONGEST} fit: link to what is longer")
    if _ADDRESS.search(text):
        raise ControlRefused("the answer names a person's address: say what let it happen, not who was there")
    whys = tuple(text.strip() if at == number else old for at, old in enumerate(incident.whys, 1))
    return replace(incident, whys=whys)


def named(incident: Incident, test: str) -> Incident:
    """The regression test is this one; what was shown of another one counts no more. ControlRefused if it cannot be."""
    test = test.strip()
    if incident.state is not Standing.OPEN:
        raise ControlRefused(f"incident {incident.id} is {incident.state}: its test cannot be changed now")
    if not test or len(test) > LONGEST_TEST or any(not one.isprintable() for one in test):
        raise ControlRefused(f"a test's id is one line of at most {LONGEST_TEST} characters")
    test = test if re.match(r"\w+:(?!:)", test) else f"pytest:{test}"
    return replace(incident, test=test, proof=incident.proof if test == incident.test else {})


def begun(incident: Incident, *, gone: bool) -> Incident:
    """The proof is on its way. ``gone``: trunk does not hold the bad change any more. ControlRefused if it may not."""
    if incident.state is not Standing.OPEN:
        raise ControlRefused(f"incident {incident.id} is {incident.state}: there is nothing to show now")
    if not incident.test:
        raise ControlRefused("name the regression test first")
    if not gone:
        raise ControlRefused("the change is still being taken back: trunk cannot pass before that is done")
    return replace(incident, state=Standing.PROVING)


def proved(incident: Incident, bad: Side, trunk: Side, now: float, trouble: str = "") -> Incident:
    """The runs have ended: the incident closes if they show what is asked for, else it is open again and says why.

    ``trouble``: why there is no answer at all. ``proof`` is {test, bad, trunk, at, holds, says}.
    """
    says = trouble or _says(bad, trunk)
    holds = not says
    proof = {
        "test": incident.test,
        "bad": bad.to_json(),
        "trunk": trunk.to_json(),
        "at": now,
        "holds": holds,
        "says": says or "It fails on the bad revision and passes on trunk.",
    }
    if holds:
        return replace(incident, state=Standing.CLOSED, closed_at=now, proof=proof)
    return replace(incident, state=Standing.OPEN, proof=proof)


def _says(bad: Side, trunk: Side) -> str:
    """Why the runs do not show it; empty if they do."""
    if trunk.outcome == "missing":
        return "Trunk has no such test: push it first, and check its id."
    if trunk.outcome not in PASSES:
        return f"On trunk it ended with {trunk.outcome}; it has to pass there."
    if bad.outcome in PASSES:
        return "It passes on the bad revision too, so it would not have caught this."
    if bad.outcome not in FAILS:
        return f"On the bad revision it ended with {bad.outcome}; it has to fail there, by an assertion of its own."
    return ""


def overdue(incident: Incident, now: float) -> bool:
    """True if it should have closed by now."""
    return incident.state is not Standing.CLOSED and now > incident.due_at


def obstacle(incident: Incident) -> str:
    """Why it is not closed, in one sentence; empty if it is."""
    if incident.state is Standing.CLOSED:
        return ""
    if incident.state is Standing.PROVING:
        return "The test runs on the bad revision and on trunk."
    if not incident.test:
        return "No regression test is named."
    if incident.proof:
        return str(incident.proof["says"])
    return "It has not been shown yet that the test catches this."
