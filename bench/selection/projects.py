# SPDX-License-Identifier: GPL-2.0-only
"""Public projects from their sdists, each a git repository of its own, and an interpreter that runs their tests.

Fetched once into a folder below the system's temporary one (``CD_BENCH_CACHE``). The interpreter is the one that
``CD_BENCH_PYTHON`` names, else the newest of Python 3.12 to 3.14 on the path, since the function map costs little only
there, else the one that runs this.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

PEERS = ("pytest", "hypothesis", "pytest-testmon", "coverage")


@dataclass(frozen=True)
class Project:
    """A project: ``roots`` is where its tests are, ``source`` its code, ``extra`` what pytest is told beside."""

    name: str
    source: str
    roots: tuple[str, ...]
    versions: tuple[str, ...]
    path: str = "."
    extra: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


DEVELOPED = (
    Project("toolz", "toolz", ("toolz",), ("0.11.2", "0.12.0", "0.12.1", "1.0.0", "1.1.0", "1.2.0")),
    Project("boltons", "boltons", ("tests",), ("23.1.1", "24.0.0", "24.1.0", "25.0.0", "26.1.0", "26.2.0")),
    Project(
        "attrs",
        "src",
        ("tests",),
        ("23.2.0", "24.2.0", "24.3.0", "25.1.0", "25.4.0", "26.1.0"),
        path="src",
        extra=("--hypothesis-seed=0",),
    ),
)
"""What the rules were developed with."""

HELD_OUT = (
    Project(
        "marshmallow",
        "src",
        ("tests",),
        ("3.24.2", "3.25.1", "3.26.1", "4.0.0", "4.0.1", "4.1.0"),
        path="src",
        needs=("simplejson",),
    ),
    Project(
        "more_itertools",
        "more_itertools",
        ("tests",),
        ("10.3.0", "10.4.0", "10.5.0", "10.6.0", "10.7.0", "10.8.0"),
        extra=("--deselect=tests/test_recipes.py::PrimeFunctionTests::test_primes",),  # takes as long as all the others
    ),
)
"""What was looked at only to see whether the rules hold elsewhere."""

PROJECTS = (*DEVELOPED, *HELD_OUT)


def cache() -> Path:
    """Where everything is kept."""
    path = Path(os.environ.get("CD_BENCH_CACHE") or Path(tempfile.gettempdir()) / "buildbot-cd-bench")
    path.mkdir(parents=True, exist_ok=True)
    return path


def interpreter() -> Path:
    """A Python with pytest and the peers, in an environment of its own."""
    newest = _newest()
    folder = cache() / f"python-{hashlib.sha256(newest.encode()).hexdigest()[:8]}"
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        needs = [one for project in PROJECTS for one in project.needs]
        subprocess.run([newest, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEERS, *needs], check=True)
        (folder / ".ready").touch()
    return python


def _newest() -> str:
    given = os.environ.get("CD_BENCH_PYTHON")
    if given:
        return given
    for name in ("python3.14", "python3.13", "python3.12"):
        place = shutil.which(name)
        if place and subprocess.run([place, "-c", ""], capture_output=True, check=False).returncode == 0:
            return place
    return sys.executable


def fetch(project: Project, version: str) -> Path:
    """The sdist, unpacked."""
    folder = cache() / "sdists" / f"{project.name}-{version}"
    if not folder.exists():
        download = cache() / "downloads"
        wanted = f"{project.name}=={version}"
        pip = [str(interpreter()), "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*pip, "--dest", str(download), wanted], check=True)
        found = next(one for one in download.glob(f"{project.name.replace('_', '[-_]')}-{version}.tar.gz"))
        with tarfile.open(found) as archive:
            archive.extractall(folder.parent, filter="data")
        (folder.parent / found.name.removesuffix(".tar.gz")).rename(folder)  # older ones are called another way
    return folder


def checkout(project: Project, version: str, where: Path) -> Path:
    """A fresh git repository with one commit."""
    if where.exists():
        shutil.rmtree(where)
    shutil.copytree(fetch(project, version), where)
    git(where, "init", "--quiet")
    commit(where, "first")
    return where


def commit(where: Path, message: str) -> str:
    """Commit everything; gives the revision."""
    git(where, "add", "--all", "--force")
    who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    git(where, *who, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(where, "rev-parse", "HEAD").strip()


def git(where: Path, *words: str) -> str:
    """Run git there."""
    return subprocess.run(["git", "-C", str(where), *words], check=True, capture_output=True, text=True).stdout
