# SPDX-License-Identifier: GPL-2.0-only
"""A real master and two workers against ``pytest -n 2``: the test suites of attrs and marshmallow, from their sdists.

Ours is measured from the first claim to the last result, the peer from the start of its first test to its last result,
so that neither is charged its start; the whole wall times stand beside. Durations are known to ours from one earlier
landing. It downloads two sdists and makes a virtual environment; ``BENCH_SDISTS`` may name a folder that has both.

The peer records nothing, ours the function map where that is the default: with the projects' interpreter at Python 3.12
or later. ``BENCH_PYTHONS=python3.11:python3.13`` measures with several, the first for the target; the table says where
the map is recorded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import Options, Report, Target, table
from buildbot_cd.cli.demo.site import Site
from buildbot_cd.cli.demo.workspace import Engineer, clone, git
from buildbot_cd.testing.seen import Seen

PROJECTS = ("attrs", "marshmallow")
TOOLS = ("pytest", "pytest-xdist", "cloudpickle", "hypothesis", "pympler", "simplejson")
MODES = ("load", "worksteal", "loadscope", "loadfile")
ROUNDS = 3
MOST = 1.0
LEFT_OUT = (
    "tests/test_deserialization.py::TestFieldDeserialization::test_invalid_datetime_deserialization",
    "tests/test_converters.py::TestPipe::test_wrapped_annotation",
)
"""For everybody: of marshmallow one whose ids hold the time of collection, so that two processes differ; of attrs one
that fails by itself."""

LEAVE_OUT = {"PYTEST_ADDOPTS": " ".join(f"--deselect {one}" for one in LEFT_OUT)}
CLOCK = """\
import json, os, time
class Clock:
    first = last = None
    def __init__(self):
        self.seen = set()
    def pytest_runtest_logstart(self, nodeid, location):
        self.first = self.first or time.time()
    def pytest_runtest_logreport(self, report):
        self.seen.add(report.nodeid)
        self.last = time.time()
    def pytest_sessionfinish(self, session):
        if not hasattr(session.config, "workerinput"):
            told = {"seconds": self.last - self.first, "tests": len(self.seen)}
            open(os.environ["BENCH_CLOCK"], "w").write(json.dumps(told))
def pytest_configure(config):
    config.pluginmanager.register(Clock())
"""


def run(options: Options) -> Report:
    """Both projects, three landings each; quick: the smaller project and one landing."""
    report = Report("master", options.seed)
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        sources = {name: _source(top, name) for name in (PROJECTS[1:] if options.quick else PROJECTS)}
        for number, given in enumerate(os.environ.get("BENCH_PYTHONS", sys.executable).split(":")):
            projects = [one.name.replace("-", "==", 1) for one in sources.values()]
            python, version, records = _environment(top / f"venv-{number}", given, projects)
            for name, source in sources.items():
                yard = top / f"{name}-yard-{number}"
                found = _measured(yard, source, python, 1 if options.quick else ROUNDS)
                label = f"{name}, Python {version}"
                rows.append([label, "recorded" if records else "no", *found.values()])
                report.ours[label] = {**found, "map": records}
                target = Target(f"{label}: ours / pytest -n 2 in its best mode", found["ratio"], most=MOST)
                report.targets += [] if number else [target]
    print(f"load average {os.getloadavg()[0]:.1f}; seconds, medians:\n")
    table(["suite", "map", *(name for name in next(iter(report.ours.values())) if name != "map")], rows)
    print()
    return report


def _measured(yard: Path, source: Path, python: str, rounds: int) -> dict[str, Any]:
    """One project: ours and the peer take turns, so that both meet the same load."""
    (yard / "clock").mkdir(parents=True)
    (yard / "clock" / "bench_clock.py").write_text(CLOCK)
    ours = Ours(yard, source, python)
    try:
        ours.begin()
        own, peers = [], dict[str, list[dict[str, float]]]()
        for _ in range(rounds):
            own.append(ours.measured())
            for mode in MODES:
                peers.setdefault(mode, []).append(_peer(yard, ours.tree, python, mode))
    finally:
        ours.site.stop()
    best = min(MODES, key=lambda mode: median(one["seconds"] for one in peers[mode]))
    tests = {one["tests"] for each in peers.values() for one in each} | {one["tests"] for one in own}
    if len(tests) != 1:
        raise RuntimeError(f"the numbers of tests differ: {sorted(tests)}")
    names = ("seconds", "whole", "plan", "shards start", "end")
    middle = {name: round(median(one[name] for one in own), 2) for name in names}
    peer = {name: round(median(one[name] for one in peers[best]), 2) for name in ("seconds", "whole")}
    return {
        "tests": int(tests.pop()),
        "ours": middle["seconds"],
        "pytest -n 2": peer["seconds"],
        "mode": best,
        "ratio": round(middle["seconds"] / peer["seconds"], 3),
        "ours whole": middle["whole"],
        "its plan": middle["plan"],
        "its shards' start": middle["shards start"],
        "its end": middle["end"],
        "pytest -n 2 whole": peer["whole"],
    }


def _peer(yard: Path, tree: Path, python: str, mode: str) -> dict[str, float]:
    told = yard / "clock" / "told.json"
    env = {**os.environ, "PYTHONPATH": str(yard / "clock"), "BENCH_CLOCK": str(told), **LEAVE_OUT}
    argv = [python, "-m", "pytest", "-q", "-p", "bench_clock", "-p", "no:cacheprovider", "-n", "2", "--dist", mode]
    begun = time.monotonic()
    done = subprocess.run(argv, cwd=tree, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"pytest -n 2 --dist {mode}: {done.stdout[-2000:]}")
    return {**json.loads(told.read_text()), "whole": time.monotonic() - begun}


class Ours(Seen):
    """A gate with nothing but the sharded test run, on two workers."""

    def __init__(self, yard: Path, source: Path, python: str) -> None:
        super().__init__(Site(yard / "site", workers=("git-1", "test-1", "test-2"), environment=LEAVE_OUT))
        self.yard, self.source, self.python, self.count = yard, source, python, 0
        self.repository, self.tree = yard / "trunk.git", yard / "clone"

    def begin(self) -> None:
        """Found it, start it, and let it learn durations from one landing."""
        self.repository.mkdir()
        git(self.repository, "init", "--quiet", "--bare", "--initial-branch=main", ".")
        clone(self.repository, self.tree, Engineer("Bench", "bench@shop.example"))
        subprocess.run(["cp", "-r", f"{self.source}/.", str(self.tree)], check=True)
        (self.tree / ".buildbot-cd.yaml").write_text('rules:\n  - {paths: "**", run: all}\n')
        self._push("the sdist")
        config = {
            "trunk": {"repository": str(self.repository), "poll": "1s"},
            "git": {"worker": "git-1", "author": "Bench <bench@shop.example>", "python": sys.executable},
            "gate": {},
            "checks": [{"tests": {"runner": "pytest", "workers": ["test-1", "test-2"], "python": self.python}}],
        }
        self.site.prepare(config, {"bench": "bench"})
        self.site.start()
        self.until(lambda: self.rows("SELECT 1 FROM cd_gate WHERE tested IS NOT NULL"), "the first look at trunk")
        self.measured()

    def _push(self, message: str) -> None:
        git(self.tree, "add", "--all", "--force")
        git(self.tree, "commit", "--quiet", "-m", message)
        git(self.tree, "push", "--quiet", "origin", "HEAD:refs/heads/main")

    def measured(self) -> dict[str, float]:
        """Push a change that runs everything; what it took, and where the rest of the time went."""
        self.count += 1
        (self.tree / "bench.txt").write_text(f"{self.count}\n")
        begun = time.time()
        self._push(f"change {self.count}")
        self.comes_to("live", self.count, 400.0)
        run = f"SELECT max(id) FROM cd_run WHERE landing = {self.count:d} AND kind = 'gate'"  # noqa: S608 - a number
        ((planned, ended),) = self.rows(f"SELECT planned_at, ended_at FROM cd_run WHERE id = ({run})")  # noqa: S608 - own
        columns = "count(*), min(claimed_at), max(done_at)"
        ((tests, claimed, done),) = self.rows(f"SELECT {columns} FROM cd_run_test WHERE run = ({run})")  # noqa: S608 - own
        return {
            "tests": tests,
            "seconds": done - claimed,
            "plan": planned - begun,
            "shards start": claimed - planned,
            "end": ended - done,
            "whole": ended - begun,
        }


def _source(top: Path, name: str) -> Path:
    """The project's unpacked sdist."""
    given = os.environ.get("BENCH_SDISTS")
    files = sorted(Path(given).glob(f"{name}-*.tar.gz")) if given else []
    with tarfile.open(files[-1] if files else _download(top, name)) as archive:
        archive.extractall(top, filter="data")
    return next(one for one in top.glob(f"{name}-*") if one.is_dir())


def _download(top: Path, name: str) -> Path:
    address = f"https://pypi.org/simple/{name}/"
    wanted = urllib.request.Request(address, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(wanted, timeout=60) as answer:  # noqa: S310 - https
        found = [one for one in json.load(answer)["files"] if one["filename"].endswith(".tar.gz")][-1]
    place = top / str(found["filename"])
    with urllib.request.urlopen(found["url"], timeout=60) as answer:  # noqa: S310 - https
        place.write_bytes(answer.read())
    return place


def _environment(folder: Path, base: str, projects: list[str]) -> tuple[str, str, bool]:
    """An interpreter with the projects' tools, and the projects themselves at the sdists' versions.

    With its version, and whether runs record the function map with it unless they are told otherwise.
    """
    subprocess.run([base, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *TOOLS, *projects], check=True)
    told = "import sys; print('%d.%d' % sys.version_info[:2], hasattr(sys, 'monitoring'))"
    done = subprocess.run([python, "-c", told], capture_output=True, text=True, check=True)
    version, records = done.stdout.split()
    return python, version, records == "True"
