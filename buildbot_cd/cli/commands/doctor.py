# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd doctor``: can every part do its job, and what to do about those that cannot."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from buildbot_cd.cli.setup.checkup import Finding

HELP = "check configuration, master, workers, push rights, hosts and metrics, and say what to do"
PARTS = ("master", "git", "hosts", "metrics")
MARKS = {True: "ok  ", False: "NOT ", None: "?   "}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("master", type=Path, help="the master's folder")
    parser.add_argument("--config", type=Path, metavar="FILE", help="cd.yaml, if it lies elsewhere")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part; repeatable")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(given: argparse.Namespace) -> int:
    """0 if nothing fails; what cannot be seen from here does not fail."""
    from buildbot_cd.cli.setup.checkup import examine
    from buildbot_cd.cli.setup.facts import read_facts

    file = given.config or given.master / "cd.yaml"
    parts = frozenset(given.part or PARTS)
    findings = []
    for one in examine(read_facts(given.master), file, parts):
        findings.append(one)
        if not given.json:
            print(told(one))
    if "metrics" in parts:
        findings += _metrics(file, quiet=given.json)
    if given.json:
        print(json.dumps([asdict(one) for one in findings], indent=1))
    return 1 if any(one.ok is False for one in findings) else 0


def _metrics(file: Path, *, quiet: bool) -> list[Finding]:
    from buildbot_cd.cli.setup.metrics import metrics
    from buildbot_cd.config.master import load_master

    try:
        found = metrics(load_master(file), file.parent)
    except CdError:
        return []  # the configuration's own finding says it
    if found is None:
        return []
    if not quiet:
        print(told(found))
    return [found]


def told(one: Finding) -> str:
    """A finding for people: what is, and what to do."""
    return f"{MARKS[one.ok]} {one.part}: {one.text}" + (f"\n     -> {one.remedy}" if one.remedy else "")
