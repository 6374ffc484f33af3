# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd lint``: does .buildbot-cd.yaml fit the files and tests of this checkout?"""

from __future__ import annotations

import argparse
import json

from buildbot_cd.cli.sandbox import MAP, Sandbox, options
from buildbot_cd.config.selecting import path_rules, test_rules
from buildbot_cd.core.selection.audit import audit

HELP = "does .buildbot-cd.yaml fit the files and tests of this checkout (exit 1: it does not)"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    options(parser)
    parser.add_argument("--strict", action="store_true", help="what is only worth a look counts as an error too")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(given: argparse.Namespace) -> int:
    """0 if it fits, 1 if not."""
    sandbox = Sandbox.of(given)
    repository = sandbox.repository()
    tests = sandbox.collect(repository)
    found = audit(tests, test_rules(repository), path_rules(repository), repository.tags, sandbox.files())
    errors = sum(one.error or given.strict for one in found)
    if given.json:
        told = {"tests": len(tests), "rules": len(repository.rules), "findings": [one._asdict() for one in found]}
        print(json.dumps(told, indent=1))
        return 1 if errors else 0
    for one in found:
        place = f"{MAP}: {one.place}: " if one.place else f"{MAP}: "
        print(f"{'error' if one.error else 'note'}: {place}{one.text}")
    print(f"{len(tests)} tests, {len(repository.rules)} rules: {errors} errors, {len(found) - errors} notes")
    return 1 if errors else 0
