# SPDX-License-Identifier: GPL-2.0-only
"""What has to hold after a storm, read from the recorded transitions and from the repository's own history."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from buildbot_cd.cli.demo.workspace import git
from buildbot_cd.testing.storm import fleet, gate_rules
from buildbot_cd.testing.storm.gate_rules import Candidate, Mark, Taken
from buildbot_cd.testing.storm.yard import CAPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buildbot_cd.testing.storm.yard import Storm

IN_TEST = {"preparing", "testing", "confirming", "infra_hold", "passed"}
IN_DEPLOY = {"deploying", "rolling_back"}
BLOCKING = {"reverting", "rolling_back", "halted"}
ENDED = {"live", "reverted", "bypassed"}
ENDS = {
    "good": ("live", ""),
    "red": ("reverted", "test"),
    "sick": ("reverted", "deploy"),
    "sore": ("reverted", "deploy"),
}
"""By kind of change, where it ends and why it was reverted."""


class Stay(NamedTuple):
    """A landing's time in one state; ``end`` is infinite for the last."""

    landing: int
    state: str
    begin: float
    end: float


@dataclass(frozen=True)
class Aftermath:
    """The records of one storm; each method raises AssertionError that says what does not hold."""

    storm: Storm
    transitions: dict[int, list[tuple[str | None, str, float]]]
    landings: dict[int, tuple[str, str, str, str, str]]
    """Number -> head, subject, state, kind of its revert, its revert."""

    @classmethod
    def read(cls, storm: Storm) -> Aftermath:
        """Of a storm that has come to rest."""
        moves: dict[int, list[tuple[str | None, str, float]]] = defaultdict(list)
        for landing, before, after, at in storm.rows(
            "SELECT landing, before, after, at FROM cd_transition ORDER BY landing, seq"
        ):
            moves[landing].append((before, after, at))
        rows = storm.rows("SELECT id, head, subject, state, revert_kind, revert FROM cd_landing")
        return cls(storm, moves, {row[0]: (row[1], row[2], row[3], row[4], row[5]) for row in rows})

    def check(self) -> Counter[str]:
        """All of it; gives how many of what were looked at."""
        self.each_way_is_whole()
        self.one_in_each_slot()
        self.nobody_enters_a_blocked_gate()
        self.only_what_passed_is_deployed()
        self.right_ones_stay()
        self.sore_ones_are_found()
        self.nothing_twice()
        self.nothing_left()
        self.history()
        counts = Counter(state for _, _, state, _, _ in self.landings.values())
        counts += self.gate_rules()
        counts["looks at the fleet"] = self.fleet_as_recorded()
        counts["rolled back"] = sum(one.state == "rolling_back" for one in self.stays())
        counts["verdicts of the immune system"] = len(self.storm.rows("SELECT id FROM cd_verdict"))
        counts["transitions"] = sum(map(len, self.transitions.values()))
        counts["held for infrastructure"] = sum(one.state == "infra_hold" for one in self.stays())
        counts["commits on trunk"] = int(git(self.storm.repository, "rev-list", "--count", "main"))
        return counts

    def stays(self) -> Iterator[Stay]:
        """All times of all landings."""
        for landing, moves in self.transitions.items():
            ends = [at for _, _, at in moves[1:]] + [float("inf")]
            for (_, state, begin), end in zip(moves, ends, strict=True):
                yield Stay(landing, state, begin, end)

    def each_way_is_whole(self) -> None:
        """L1: each transition begins where the one before ended, and each landing has come to an end."""
        for landing, moves in self.transitions.items():
            for (_, after, _), (before, _, _) in pairwise(moves):
                assert after == before, f"landing {landing} left {before}, but stood in {after}"
            assert moves[-1][1] in ENDED, f"landing {landing} stands in {moves[-1][1]}"
        assert set(self.transitions) == set(self.landings)

    def one_in_each_slot(self) -> None:
        """S1: the stays in the test stage do not overlap, nor do those in the deploy stage."""
        for states in (IN_TEST, IN_DEPLOY):
            inside = sorted((one.begin, one.end, one.landing) for one in self.stays() if one.state in states)
            for (_, end, first), (begin, _, second) in pairwise(inside):
                assert first == second or begin >= end, f"landings {first} and {second} were both in {sorted(states)}"

    def nobody_enters_a_blocked_gate(self) -> None:
        """S2: nothing is admitted while another landing is taken back."""
        blocking = [one for one in self.stays() if one.state in BLOCKING]
        for landing, moves in self.transitions.items():
            for before, after, at in moves:
                if before == "queued" and after in gate_rules.ADMITTED:
                    against = [one for one in blocking if one.begin < at < one.end and one.landing != landing]
                    assert not against, f"landing {landing} was admitted against {against}"

    def only_what_passed_is_deployed(self) -> None:
        """S3: a landing enters production from PASSED (or a halt in it), and its tests passed on that very tree."""
        asked = self.storm.rows("SELECT landing, payload, result FROM cd_intent WHERE kind IN ('checks', 'confirm')")
        good = [(one, json.loads(told)["candidate"]) for one, told, result in asked if result and '"passed"' in result]
        for landing, moves in self.transitions.items():
            for before, after, _ in moves:
                from_there = before in ("passed", "halted")
                assert after != "deploying" or from_there, f"landing {landing} went from {before} to {after}"
        for landing, candidate in self.storm.rows("SELECT landing, candidate FROM cd_rollout"):
            assert (landing, candidate) in good, f"landing {landing} has no verdict on {candidate}"

    def right_ones_stay(self) -> None:
        """S5, S6: what is good is live, what is bad was taken back, for its own fault: no kill reverts anything."""
        seen = {subject: (state, kind) for _, subject, state, kind, _ in self.landings.values()}
        for subject, kind in self.storm.subjects.items():
            wanted = ENDS[kind]
            assert seen.get(subject) == wanted, f"{subject!r} is {seen.get(subject)}, not {wanted}"
        assert len(seen) == len(self.landings) == len(self.storm.subjects)

    def sore_ones_are_found(self) -> None:
        """What fails visitors left because the immune system saw it; it saw nothing in anything else."""
        subjects = {number: row[1] for number, row in self.landings.items()}
        query = "SELECT r.landing FROM cd_verdict v JOIN cd_rollout r ON r.id = v.rollout WHERE v.kind = 'regression'"
        found = {subjects[landing] for (landing,) in self.storm.rows(query)}
        sore = {subject for subject, kind in self.storm.subjects.items() if kind == "sore"}
        assert found == sore, f"regressions were seen in {sorted(found)}, and {sorted(sore)} fail visitors"

    def nothing_twice(self) -> None:
        """S7, S12: no effect is begun twice, no rollout is without its effect, no fence is given to two."""
        keys = self.storm.rows(
            "SELECT external_idstring, count(*) FROM buildsets JOIN cd_intent ON key = external_idstring"
            " GROUP BY external_idstring HAVING count(*) > 1"
        )
        assert not keys, f"these effects were begun more than once: {keys}"
        rollouts = Counter(self.storm.rows("SELECT landing, key FROM cd_rollout"))
        asked = Counter(self.storm.rows("SELECT landing, key FROM cd_intent WHERE kind IN ('rollout', 'rollback')"))
        assert rollouts <= asked, f"rollouts without an effect: {rollouts - asked}"
        entries = {one.landing for one in self.stays() if one.state == "deploying"}
        assert {one for one, _ in rollouts} == entries, f"rollouts {rollouts} for entries {entries}"
        fences = self.storm.rows("SELECT fence, count(*) FROM cd_rollout GROUP BY fence HAVING count(*) > 1")
        assert not fences, f"fences were given twice: {fences}"
        twice = self.storm.rows("SELECT nid FROM cd_run_test GROUP BY run, nid HAVING count(*) > 1")
        assert not twice, f"tests stand twice in one run: {twice}"

    def nothing_left(self) -> None:
        """L2: no slot is held, and the only effects on their way are looks at trunk."""
        assert self.storm.rows("SELECT slot FROM cd_slot") == []
        left = self.storm.rows(
            "SELECT key FROM cd_intent WHERE state IN ('pending', 'started') AND kind NOT IN ('observe', 'notify')"
        )
        assert not left, f"effects are left: {left}"

    def gate_rules(self) -> Counter[str]:
        """S4, S8, S10, S14, S15; what was looked at, counted."""
        storm, counts = self.storm, Counter[str]()
        marks = list(self._marks())
        counts["moves of tested and live"] = len(marks)
        counts["moves of tested back to live"] = gate_rules.marks_move_forward(marks, self.transitions, self._follows)
        files = {number: storm.files[row[1]] for number, row in self.landings.items()}
        candidates = list(self._candidates())
        counts["candidates"] = len(candidates)
        always = frozenset({"parts/first.txt"})
        gate_rules.candidates_hold_what_passed(candidates, self.transitions, files, always)
        people = storm.rows("SELECT id, priority, engineer, revert_kind, cause FROM cd_landing")
        gate_rules.first_come_first_served(self.transitions, {row[0]: row[1] for row in people})
        taken = {row[0]: Taken(*row[2:]) for row in people}
        caps = CAPS["per_hour"], CAPS["per_engineer"]
        counts["reverts after a person looked"] = gate_rules.caps_hold(self.transitions, taken, *caps)
        gate_rules.freezes_hold(self.transitions, storm.freezes)
        return counts

    def _marks(self) -> Iterator[Mark]:
        """Moves of tested and live as they were decided; not those that only set a ref that stood elsewhere."""
        asked = "SELECT payload, created_at FROM cd_intent WHERE kind = 'mark' AND key NOT LIKE '%/over/%' ORDER BY id"
        for payload, at in self.storm.rows(asked):
            told = json.loads(payload)
            name = told["ref"].removeprefix("refs/cd/")
            if name in ("tested", "live"):
                yield Mark(name, told["old"], told["new"], at)

    def _candidates(self) -> Iterator[Candidate]:
        asked = "SELECT landing, created_at, payload FROM cd_intent WHERE kind = 'checks'"
        for landing, at, payload in self.storm.rows(asked):
            tree = json.loads(payload)["candidate"]
            names = git(self.storm.repository, "ls-tree", "-r", "--name-only", tree, "parts/").splitlines()
            yield Candidate(landing, at, frozenset(names))

    def _follows(self, old: str, new: str) -> bool:
        """Whether ``new`` holds every change that ``old`` holds. Each adds a file; parents need not follow each other,
        since a pushed commit whose tree is the candidate's is the candidate.
        """
        before, after = (git(self.storm.repository, "ls-tree", "-r", one, "parts/").splitlines() for one in (old, new))
        return set(before) <= set(after)

    def fleet_as_recorded(self) -> int:
        """Each host carries what is recorded and serves what is live; none was ever without. How often one looked."""
        storm, history = self.storm, defaultdict[int, dict[str, str | None]](dict)
        for rollout, host, desired in storm.rows("SELECT rollout, host, desired FROM cd_rollout_host ORDER BY rollout"):
            history[rollout][host] = desired
        ((live,),) = storm.rows("SELECT live FROM cd_gate")
        parts = git(storm.repository, "ls-tree", "-r", "--name-only", live, "parts/").splitlines()
        text = "".join(git(storm.repository, "show", f"{live}:{path}") for path in sorted(parts))
        links = {name: storm.fleet / name / "current" for name in storm.host_names}
        carried = {name: link.readlink().name for name, link in links.items()}
        told = {name: (link / "app.txt").read_text() for name, link in links.items()}
        fleet.as_recorded(history.values(), carried, told, text)
        assert not storm.watch.missing, f"hosts were without a release: {storm.watch.missing[:10]}"
        return storm.watch.looks

    def history(self) -> None:
        """S9, S13, C1, C2: trunk only went forward, each commit is live or named once, and the trees agree."""
        repository = self.storm.repository
        log = (repository / "logs" / "refs" / "heads" / "main").read_text().splitlines()
        for old, new in (line.split()[:2] for line in log[1:]):
            git(repository, "merge-base", "--is-ancestor", old, new)  # GitError: trunk was forced
        told = git(repository, "log", "--format=%H %(trailers:key=CD-Reverts,valueonly,separator=%x20)", "main")
        named = Counter(sha for line in told.splitlines() for sha in line.split()[1:])
        for number, (head, _, state, _, revert) in self.landings.items():
            wanted = 1 if state == "reverted" else 0
            assert named[head] == wanted, f"landing {number} ({state}) is named by {named[head]} reverts"
            assert bool(revert) == bool(wanted), f"landing {number} ({state}) has the revert {revert}"
        subjects = Counter(git(repository, "log", "--format=%s", "main").splitlines())
        assert all(subjects[one] == 1 for one in self.storm.subjects), "a change is on trunk twice, or not at all"
        ((tested, live),) = self.storm.rows("SELECT tested, live FROM cd_gate")
        trees = {git(repository, "rev-parse", f"{one}^{{tree}}").strip() for one in ("main", tested, live)}
        assert len(trees) == 1, f"trunk, tested and live differ: {trees}"
