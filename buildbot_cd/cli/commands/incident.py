# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd incident``: one blameless record: read it, answer a why, name its test, have it shown."""

from __future__ import annotations

import argparse
import json
from typing import Any

from buildbot_cd.cli.asking.client import Client, options
from buildbot_cd.cli.asking.words import clock, plain, table

HELP = "one incident: its timeline, the five whys, and the test that shall catch it from now on"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("incident", type=int, help="its number")
    parser.add_argument("--why", type=int, metavar="N", help="answer the question of this number, with --text")
    parser.add_argument("--text", help="the answer: what let it happen, never who")
    parser.add_argument("--test", metavar="ID", help="the regression test, such as tests/test_cart.py::test_total")
    parser.add_argument("--prove", action="store_true", help="run that test on the bad revision and on trunk")
    options(parser)


def run(given: argparse.Namespace) -> int:
    """0; 2 if a why comes without its text."""
    if (given.why is None) != (given.text is None):
        print("buildbot-cd incident: --why and --text go together")
        return 2
    client = Client.of(given)
    path = f"incidents/{given.incident}"
    found = client.rows(path, "incidents")[0]
    if given.why is not None:
        found = client.act(path, "answer", why=given.why, text=given.text, expect=found["version"])
    if given.test is not None:
        found = client.act(path, "name_test", test=given.test, expect=found["version"])
    if given.prove:
        found = client.act(path, "prove", expect=found["version"])
    print(json.dumps(found, indent=1) if given.json else "\n".join(lines(found)))
    if not given.json:
        print()
        rows = [[clock(one["at"]), one["what"], one["text"]] for one in found["timeline"] or ()]
        table(["at", "what", "how it came"], rows)
    return 0


def lines(incident: dict[str, Any]) -> list[str]:
    """The record, without its timeline."""
    state = "overdue" if incident["overdue"] else incident["state"]
    told = [
        f"incident {incident['id']}: {plain(incident['subject'])}",
        f"  {incident['cause']} of landing {incident['landing']}, bad revision {incident['bad'][:12]}: {state}",
        f"  {plain(incident['obstacle'])}" if incident["obstacle"] else "  closed: it is shown what catches it",
        f"  regression test: {plain(incident['test']) or 'none is named'}",
    ]
    proof = incident["proof"]
    if proof:
        sides = ", ".join(
            f"{name} {proof[name]['revision'][:12]}: {proof[name]['outcome']}" for name in ("bad", "trunk")
        )
        told.append(f"  shown: {sides}")
    return told + [f"  why {number}? {plain(text) or '-'}" for number, text in enumerate(incident["whys"], 1)]
