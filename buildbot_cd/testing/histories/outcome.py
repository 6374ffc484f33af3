# SPDX-License-Identifier: GPL-2.0-only
"""What has to be true at the end of every history, read from the repository and from the store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from buildbot_cd.core.landing.values import Landing, State
from buildbot_cd.testing.histories.trial import GATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.testing.histories.trial import Trial


@dataclass(frozen=True)
class Outcome:
    """``named``: commit -> reverts and records of the gate that name it; ``reverts``: those on trunk."""

    trial: Trial
    landings: tuple[Landing, ...]
    parents: Mapping[str, tuple[str, ...]]
    reverts: tuple[str, ...]
    named: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, trial: Trial) -> Outcome:
        """Of a trial that has come to rest."""
        rows = [row.split() for row in trial.server.git("rev-list", "--parents", "main").splitlines()]
        refs = set(trial.server.git("for-each-ref", "--format=%(objectname)", "refs/cd/revert/").split())
        form = "%H%x00%(trailers:key=CD-Reverts,valueonly)%(trailers:key=CD-Also-Reverts,valueonly)%x01"
        log = trial.server.git("log", f"--format={form}", "main", "--glob=refs/cd/revert/*")
        told = [one.split("\0") for one in log.split("\x01") if one.strip()]
        named: dict[str, tuple[str, ...]] = {}
        for sha, values in ((sha.strip(), values) for sha, values in told if sha.strip() in refs):
            for row in values.splitlines():
                if row:
                    named[row.split()[0]] = (*named.get(row.split()[0], ()), sha)
        reverts = tuple(row[0] for row in rows if row[0] in refs)
        landings = trial.read(lambda tx: tx.landings.recent(GATE, 10_000))
        return cls(trial, landings, {row[0]: tuple(row[1:]) for row in rows}, reverts, named)

    def check(self) -> None:
        """All of it. Raises AssertionError that says what does not hold."""
        self.converged()
        self.nothing_forced()
        self.every_commit_once()
        self.live_or_named_once()
        self.only_for_cause()
        self.nothing_bad_stays()

    def converged(self) -> None:
        """Trunk holds the tested tree, which is live."""
        gate = self.trial.read(lambda tx: tx.gates.get(GATE))
        assert gate is not None
        assert gate.tested is not None
        trees = [self.trial.server.tree(one) for one in ("main", gate.tested, gate.live or "none")]
        assert len(set(trees)) == 1, f"trunk, tested and live differ: {trees}"

    def nothing_forced(self) -> None:
        """Every move of trunk, as the server noted it, went forward."""
        log = (self.trial.server.path / "logs/refs/heads/main").read_text().splitlines()
        moves = [tuple(row.split()[:2]) for row in log]
        for (_, before), (old, new) in pairwise(moves):
            assert old == before, f"the server's log has a gap between {before} and {old}"
            assert old in self._under(new), f"trunk was forced from {old} to {new}"
        assert moves[-1][1] == self.trial.engineers.tip()

    def _under(self, sha: str) -> set[str]:
        found, todo = {sha}, [sha]
        while todo:
            fresh = [one for one in self.parents[todo.pop()] if one not in found]
            found.update(fresh)
            todo += fresh
        return found

    def commits(self, landing: Landing) -> list[str]:
        """The landing's own commits on its first-parent line."""
        old, found, at = self._under(landing.base), [], landing.head
        while at not in old:
            found.append(at)
            at = self.parents[at][0]
        return found

    def every_commit_once(self) -> None:
        """What engineers pushed is in exactly one landing each; the gate's own reverts are in none.

        Who pulls and pushes before the gate has looked takes what was pulled into the own landing, as a merged branch.
        """
        held = Counter(sha for one in self.landings for sha in self._under(one.head) - self._under(one.base))
        for sha in self.trial.engineers.pushed:
            assert held[sha] == 1, f"{sha} is in {held[sha]} landings"
        own = {sha for one in self.landings for sha in self.commits(one)} & set(self.reverts)
        assert not own, f"the gate takes its own revert {own} for a landing"

    def live_or_named_once(self) -> None:
        """A live landing is named by no revert, each commit of one that was taken back by exactly one."""
        for one in self.landings:
            assert one.state in (State.LIVE, State.REVERTED), f"landing {one.id} ended {one.state}"
            wanted = 0 if one.state is State.LIVE else 1
            for sha in self.commits(one):
                found = self.named.get(sha, ())
                assert len(found) == wanted, f"{sha} of landing {one.id} ({one.state}) is named by {found}"

    def only_for_cause(self) -> None:
        """Nobody's work was taken back for anything but a failure that names tests, a dependence, or a wish."""
        for one in self.landings:
            if one.state is State.REVERTED and one.revert_kind in ("test", "deploy"):
                assert one.failing, f"landing {one.id} was taken back without a named failure"
                assert "flaky" not in one.failing, f"landing {one.id} was taken back for a flaky test"

    def nothing_bad_stays(self) -> None:
        """Nothing on trunk fails a test or is slow in production."""
        tip = self.trial.engineers.tip()
        assert not self.trial.words(tip, "BUG") + self.trial.words(tip, "SLOW")
