# SPDX-License-Identifier: GPL-2.0-only
"""Builds the web plugin's pages: ``buildbot_cd/www/ui`` (TypeScript) into ``buildbot_cd/www/static``.

Runs as hatchling's hook when a wheel or an sdist is made, and as a program for a source checkout::

    python hatch_build.py               build them, or say what is missing
    python hatch_build.py --if-possible the same, but without Node go on without pages

What is built carries the hash of its sources, so that nothing is built twice.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # a checkout that only wants its pages needs no hatchling
    BuildHookInterface = object  # type: ignore[assignment,misc]

WWW = Path(__file__).parent / "buildbot_cd" / "www"
UI = WWW / "ui"
STATIC = WWW / "static"
STAMP = STATIC / ".sources"
MODULES = UI / "node_modules" / ".lock"
NODE = 20
WITHOUT = "BUILDBOT_CD_WITHOUT_PAGES"


class PagesError(Exception):
    """The pages cannot be built; the text says why and what to do."""


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg,misc]
    """An editable installation takes the pages from the checkout (`make ui`); everything else carries them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Hatchling calls this before it collects the files."""
        if version == "editable" or os.environ.get(WITHOUT):
            return
        try:
            build()
        except PagesError as error:
            raise SystemExit(f"{error}\nTo go on without the pages, set {WITHOUT}=1.") from None
        build_data["artifacts"] += [
            f"/{path.relative_to(WWW.parents[1]).as_posix()}" for path in (STATIC, STATIC / "**")
        ]


def build(*, modules: bool = False) -> bool:
    """Build the pages unless they are up to date; whether they were built. Raises PagesError.

    ``modules``: have the packages that they are built and tested with, even if nothing is to be built.
    """
    wanted = sources_hash()
    current = STAMP.is_file() and STAMP.read_text("utf-8") == wanted
    lock = hashlib.sha256((UI / "package-lock.json").read_bytes()).hexdigest()
    installed = MODULES.is_file() and MODULES.read_text("utf-8") == lock
    if current and (installed or not modules):
        return False
    npm = _npm()
    if not installed:
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        MODULES.write_text(lock, "utf-8")
    if current:
        return False
    _run([npm, "run", "--silent", "build"])
    for path in [*STATIC.glob("*.js"), *STATIC.glob("*.css")]:
        # A master that compressed them for each browser anew would be busy with it while the page waits.
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    STAMP.write_text(wanted, "utf-8")
    return True


def sources_hash() -> str:
    """Of everything that the bundle is made from."""
    seen = hashlib.sha256()
    files = [*UI.glob("*.json"), *UI.glob("*.ts"), *(path for path in (UI / "src").rglob("*") if path.is_file())]
    for path in sorted(files):
        seen.update(f"{path.relative_to(UI).as_posix()}\0".encode())
        seen.update(path.read_bytes())
    return seen.hexdigest()


def _npm() -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    lacking = f"the pages of the web plugin are built with Node {NODE} or newer and npm"
    if node is None or npm is None:
        raise PagesError(f"{lacking}, and there is no {'node' if node is None else 'npm'} on PATH")
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = found.lstrip("v").partition(".")[0]
    if not major.isdigit() or int(major) < NODE:
        raise PagesError(f"{lacking}, and {node} is {found or 'no Node'}")
    return npm


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, cwd=UI, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise PagesError(f"`{' '.join(argv[:3])}` in {UI} failed:\n{done.stdout[-3000:]}")


def main(arguments: list[str]) -> int:
    """The program."""
    try:
        if build(modules=True):
            print(f"pages built into {STATIC}")
    except PagesError as error:
        print(error, file=sys.stderr)
        if arguments != ["--if-possible"]:
            return 1
        print("everything else works without them; the master says so in its log", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
