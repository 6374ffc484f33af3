# SPDX-License-Identifier: GPL-2.0-only
"""The two masters that are compared: a gate whose checks and deploy take no time, and stock with trivial builds.

Both are the ready master of ``master/`` on SQLite, with a worker process for each of their parts. Each notes its own
events with their time, after they were committed.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from buildbot_cd.cli.demo.site import Site
from buildbot_cd.cli.demo.workspace import Engineer, clone, git, install_hook
from buildbot_cd.errors import CdError
from buildbot_cd.testing.repositories import Repository

LIMIT = 180.0
HOSTS = 4
ADA, GRACE = Engineer("Ada", "ada@shop.example"), Engineer("Grace", "grace@shop.example")
CHAIN = ("one", "two", "three")
WITH_STEPS = "deploy"
"""The chain's last build, a stock user's deploy: a checkout, and one command each to copy and to switch."""

# What both masters add to their configuration: a note of every event, and a builder whose only step does nothing.
COMMON = """
import json, time
from buildbot.util.service import BuildbotService
from twisted.internet import defer

class Notes(BuildbotService):
    name = "notes"

    @defer.inlineCallbacks
    def startService(self):
        yield super().startService()
        for key in (("cd", "landings", None, None), ("builders", None, "builds", None, "finished")):
            yield self.master.mq.startConsuming(self.note, key)

    def note(self, key, message):
        told = {name: message.get(name) for name in ("id", "state", "builderid", "number")}
        with open("notes.jsonl", "a") as file:
            file.write(json.dumps({"at": time.time(), "key": list(key), **told}) + "\\n")

c["services"] = [Notes()]
from buildbot.plugins import changes, steps, schedulers, util

def trivial(name, worker, command):
    factory = util.BuildFactory([steps.ShellCommand(command=command)])
    return util.BuilderConfig(name=name, workernames=[worker], factory=factory)
"""
OURS = """
c["schedulers"] = []
c["builders"].append(
    trivial("instant", "check-1", ["test", "!", "-e", util.Interpolate({bad!r} + "/%(src::revision)s")])
)
"""
STOCK = """
del c["configurators"]
c["schedulers"] = [schedulers.SingleBranchScheduler(
    name="one", change_filter=util.ChangeFilter(branch="main"), treeStableTimer=None, builderNames=["one"])]
c["builders"] = [trivial("one", "w-1", ["true"])]
for before, name in zip({chain!r}, {chain!r}[1:]):
    c["builders"].append(trivial(name, "w-1", ["true"]))
    c["schedulers"].append(schedulers.Dependent(name=name, upstream=c["schedulers"][-1], builderNames=[name]))
deploy = util.BuildFactory([steps.Git(repourl={repository!r}, branch="main", mode="full", method="clean")])
deploy.addSteps([steps.ShellCommand(command=["true"]), steps.ShellCommand(command=["true"])])
c["builders"].append(util.BuilderConfig(name={deploy!r}, workernames=["w-1"], factory=deploy))
c["schedulers"].append(
    schedulers.Dependent(name={deploy!r}, upstream=c["schedulers"][-1], builderNames=[{deploy!r}]))
"""


class Noted(Site):
    """A master that notes its events."""

    def notes(self) -> list[dict[str, Any]]:
        """What was noted so far."""
        path = self.master / "notes.jsonl"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def tell(self, repository: str, revision: str) -> float:
        """Tell of a push through the change hook, as a git server does; when that began."""
        fields = {"revision": revision, "branch": "main", "repository": repository, "author": "x", "comments": ""}
        body = urllib.parse.urlencode(fields).encode()
        began = time.time()
        with urllib.request.urlopen(f"{self.url}/change_hook/base", body, 30):  # noqa: S310 - own loopback
            return began


@dataclass
class Stock:
    """Stock Buildbot: a push starts a trivial build, its end the next one, and so on."""

    directory: Path
    site: Noted = field(init=False)

    def __post_init__(self) -> None:
        self.site = Noted(self.directory, workers=("w-1",))

    def start(self) -> None:
        """Start master and worker."""
        self.repository = Repository.create(self.directory.parent / "stock.git")
        self.revision = self.repository.commit({"app.txt": "first"})
        stock = STOCK.format(chain=CHAIN, repository=str(self.repository.path), deploy=WITH_STEPS)
        self.site.prepare({}, {}, COMMON + stock)
        self.site.start()

    def chain(self) -> list[float]:
        """One push: when it was told, and when each build of the chain had ended."""
        before = len(self.site.notes())
        began = self.site.tell(str(self.repository.path), self.revision)

        def ended() -> list[float]:
            found = [one["at"] for one in self.site.notes()[before:] if one["key"][0] == "builders"]
            return found if len(found) == len(CHAIN) + 1 else []

        return [began, *self.site.wait(ended, "the chain's builds", LIMIT)]


@dataclass
class Ours:
    """The gate: one builder that passes at once, four hosts that are directories."""

    directory: Path
    site: Noted = field(init=False)

    def __post_init__(self) -> None:
        self.site = Noted(self.directory / "site", workers=("git-1", "deploy-1", "check-1"))

    def start(self) -> None:
        """Make the repository, start master and workers, wait for the first look."""
        self.repository, self.bad = self.directory / "trunk.git", self.directory / "bad"
        self.bad.mkdir(parents=True)
        self.repository.mkdir()
        git(self.repository, "init", "--quiet", "--bare", "--initial-branch=main", ".")
        git(self.repository, "config", "core.hooksPath", str(self.repository / "hooks"))
        self.tree = clone(self.repository, self.directory / "ada", ADA)
        self.commit("first")
        self.push()
        install_hook(self.repository, "post-receive", ["sh", "-c", f"date +%s.%N >> {self.directory}/pushed"])
        self.site.prepare(self._config(), {}, COMMON + OURS.format(bad=str(self.bad)))
        self.site.start()
        self.site.wait(lambda: self._gate().get("tested"), "the first look at trunk", LIMIT)

    def _config(self) -> dict[str, Any]:
        names = [f"h-{number}" for number in range(1, HOSTS + 1)]
        for name in names:
            (self.directory / "fleet" / name).mkdir(parents=True)
        python = {"python": sys.executable}
        return {
            "trunk": {"repository": str(self.repository), "branch": "main", "poll": "1h"},
            "git": {"worker": "git-1", "author": "Deploy <deploy@shop.example>", **python},
            "gate": {"reverts": {"per_hour": 1000, "per_day": 1000, "per_engineer": 1000}},
            "checks": [{"builder": "instant"}],
            "release": {"worker": "deploy-1", **python},
            "fleet": {"transport": "local", "hosts": names, "root": str(self.directory / "fleet" / "{name}")},
            "rollout": [{"stage": "canary", "hosts": 1}, {"stage": "fleet", "hosts": "all"}],
        }

    def _gate(self) -> dict[str, Any]:
        try:
            found = self.site.get("cd/gates")["gates"]
        except OSError:
            return {}
        return dict(found[0]) if found else {}

    def commit(self, text: str, who: Engineer = ADA) -> str:
        """A change on top of trunk; its id."""
        if git(self.repository, "for-each-ref").strip():
            git(self.tree, "fetch", "--quiet", "origin")
            git(self.tree, "reset", "--quiet", "--hard", "origin/main")
        return self._commit(text, who)

    def _commit(self, text: str, who: Engineer) -> str:
        (self.tree / "app.txt").write_text(f"{text}\n")
        git(self.tree, "add", "--all")
        git(self.tree, "-c", f"user.name={who.name}", "-c", f"user.email={who.email}", "commit", "--quiet", "-m", text)
        return git(self.tree, "rev-parse", "HEAD").strip()

    def push(self) -> None:
        """Push what was committed."""
        git(self.tree, "push", "--quiet", "origin", "HEAD:refs/heads/main")

    def land(self, text: str, *, good: bool) -> dict[str, float]:
        """One landing to its end; when what happened.

        That is: told, testing, passed, switched; or told, testing, confirming, reverting, pushed.
        """
        before = len(self.site.notes())
        head = self.commit(text)
        if not good:
            (self.bad / head).touch()
        self.push()
        seen = {"told": self.site.tell(str(self.repository), head)}
        end = "live" if good else "reverted"

        def states() -> dict[str, float]:
            rows = [one for one in self.site.notes()[before:] if one["key"][0] == "cd"]
            found = {str(one["state"]): one["at"] for one in reversed(rows)}
            if {"live", "reverted", "halted"} & set(found) - {end}:
                raise CdError(f"{text}: the landing should be {end}, but it went {', '.join(found)}")
            return found if end in found else {}

        seen |= self.site.wait(states, f"the landing to be {end}", LIMIT)
        if good:
            links = [(self.directory / "fleet" / f"h-{n}" / "current").lstat() for n in range(1, HOSTS + 1)]
            seen["switched"] = min(link.st_mtime for link in links)
        else:
            seen["pushed"] = float((self.directory / "pushed").read_text().split()[-1])
        self._settle(head if good else None)
        return seen

    def stream(self, number: int) -> float:
        """So many landings of two engineers in turn, pushed at once; seconds from the push until all are live."""
        before = len(self.site.notes())
        head = self.commit("stream 0", GRACE)
        for one in range(1, number):
            head = self._commit(f"stream {one}", ADA if one % 2 else GRACE)
        self.push()
        began = self.site.tell(str(self.repository), head)

        def ended() -> list[float]:
            rows = [one for one in self.site.notes()[before:] if one["key"][0] == "cd" and one["state"] == "live"]
            return [one["at"] for one in rows] if len({one["id"] for one in rows}) == number else []

        took = max(self.site.wait(ended, f"{number} landings to be live", LIMIT)) - began
        self._settle(head)
        return float(took)

    def _settle(self, live: str | None) -> None:
        """Wait until the master has nothing to do: the next measurement begins on a quiet one.

        The refs that show what is ``live`` are the last of it.
        """

        def quiet() -> bool:
            try:
                shown = git(self.repository, "for-each-ref", "--format=%(objectname)", "refs/cd/live", "refs/cd/tested")
                if live is not None and shown.split() != [live, live]:
                    return False
                return not self.site.get("builds?complete=false")["builds"]
            except OSError:  # a busy master may cut an answer off: ask again
                return False

        self.site.wait(quiet, "all builds to end", LIMIT)
