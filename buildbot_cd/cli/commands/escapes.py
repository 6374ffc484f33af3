# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd escapes``: what the gate missed, whose it was, and the rule that would have caught it."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from buildbot_cd.cli.asking.client import Client, options
from buildbot_cd.cli.asking.words import ago, plain, table
from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HELP = "failures that the gate missed: the landing to blame, the missing tag, the rule that would have told"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    options(parser)
    parser.add_argument("escape", nargs="?", type=int, help="the number of one, to see all of it")
    parser.add_argument("--rules", action="store_true", help="list the rules that all of them propose, each once")
    parser.add_argument("--patch", action="store_true", help="print only the patch of that one, for git apply")


def run(given: argparse.Namespace) -> int:
    """0; 1 with --patch if there is none."""
    client = Client.of(given)
    if given.patch and given.escape is None:
        raise CdError("--patch needs the number of an escape")
    if given.rules:
        return _rules(client.rows(f"gates/{client.gate(given.gate)['name']}/proposals", "proposals"), given.json)
    rows = client.rows("escapes" if given.escape is None else f"escapes/{given.escape}", "escapes")
    if given.patch:
        print(rows[0]["patch"], end="")
        return 0 if rows[0]["patch"] else 1
    if given.json:
        print(json.dumps(rows, indent=1))
    elif given.escape is not None:
        print("\n".join(_told(rows[0])))
    elif rows:
        table(["escape", "found", "state", "test", "what is known"], [_row(one) for one in rows])
    else:
        print("nothing that the gate let through has failed since")
    return 0


def _rules(rows: Sequence[Mapping[str, Any]], as_json: bool) -> int:
    """The list of proposed rules: whoever takes one up applies the patch of one of its escapes."""
    if as_json:
        print(json.dumps(rows, indent=1))
    elif rows:
        table(
            ["escapes", "newest", "rule"],
            [[", ".join(map(str, one["escapes"])), ago(one["found_at"]), one["rule"]] for one in rows],
        )
    else:
        print("no rule would have told of what the gate let through")
    return 0


def _row(one: Mapping[str, Any]) -> list[object]:
    return [one["id"], ago(one["found_at"]), one["state"], one["test"], one["reason"] or f"{len(one['probes'])} probes"]


def _told(one: Mapping[str, Any]) -> list[str]:
    lines = [f"escape {one['id']}: {one['test']}", f"{one['state']}: {one['reason'] or 'the search goes on'}"]
    lines.append(f"suspects: {', '.join(map(str, one['suspects'])) or 'none'}")
    lines += [f"probe at {place}: {word or 'runs'} (run {run})" for place, run, word in one["probes"]]
    if one["culprit"] is not None and one["probability"] is not None:
        lines.append(f"landing {one['culprit']}, with probability {one['probability']:.3f}")
    lines = [plain(line) for line in lines]
    if one["rule"]:
        lines += [f"a rule that would have told: {plain(one['rule'])}", "", *map(plain, one["patch"].splitlines())]
    return lines
