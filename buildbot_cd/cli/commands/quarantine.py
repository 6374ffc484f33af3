# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd quarantine``: a test that runs and does not count for a while, with somebody who mends it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from buildbot_cd.cli.asking.acting import moment_option, reason_option
from buildbot_cd.cli.asking.client import Client, options
from buildbot_cd.cli.asking.words import ago, clock, table
from buildbot_cd.errors import CdError

HELP = "let a flaky test run without counting, with an owner and an end; without a test: which ones flake"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("test", nargs="?", help="the test's full name, as landings show it")
    parser.add_argument("--owner", metavar="NAME", help="who mends it; needed")
    reason_option(parser, required=False)
    moment_option(parser)
    parser.add_argument("--end", action="store_true", help="it counts again from now on")
    options(parser)


def run(given: argparse.Namespace) -> int:
    """0; 1 if the gate refuses."""
    client = Client.of(given)
    gate = client.gate(given.gate)["name"]
    if given.test is not None:
        _order(given, client, f"gates/{gate}")
    trust = client.rows(f"gates/{gate}/trust", "trust")[0]
    if given.json:
        print(json.dumps(trust, indent=1))
    else:
        _show(trust)
    return 0


def _order(given: argparse.Namespace, client: Client, path: str) -> None:
    if given.end:
        client.act(path, "end_quarantine", test=given.test)
        return
    if not given.owner or not given.reason:
        raise CdError("a quarantine needs --owner, who mends the test, and --reason")
    client.act(path, "quarantine", test=given.test, mender=given.owner, reason=given.reason, until=given.until)


def _show(trust: dict[str, Any]) -> None:
    now = float(trust["now"])
    if trust["quarantines"]:
        rows = [[one["owner"], clock(one["until"]), one["reason"], one["test"]] for one in trust["quarantines"]]
        table(["mended by", "until", "because", "test in quarantine"], rows)
    else:
        print("no test is in quarantine")
    if trust["flakes"]:
        print()
        rows = [
            [one["flakes"], f"{one['rate']:.2g}", ago(one["last"], now), one["test"]] for one in trust["flakes"]
        ]
        table(["flakes", "a run", "last", "flaky test"], rows)
