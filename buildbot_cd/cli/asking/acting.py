# SPDX-License-Identifier: GPL-2.0-only
"""What the commands that order something share."""

from __future__ import annotations

import argparse
import json
from typing import Any

from buildbot_cd.cli.asking.client import Client, options
from buildbot_cd.cli.asking.words import moment, plain
from buildbot_cd.errors import CdError


def reason_option(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """``--reason``."""
    parser.add_argument("--reason", required=required, help="why; it is shown to everybody who waits, and kept")


def moment_option(parser: argparse.ArgumentParser) -> None:
    """``--until``, as seconds since the epoch."""
    parser.add_argument("--until", type=_moment, metavar="WHEN", help="when it ends: 2h, 18:00 or 2026-01-31T18:00")


def _moment(text: str) -> float:
    try:
        return moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def landing_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of an order about one landing that needs a reason."""
    parser.add_argument("landing", help="its number, or the full name of its newest commit")
    reason_option(parser, required=True)
    options(parser)


def order_landing(given: argparse.Namespace, action: str) -> int:
    """Order it for the landing that was named, as it was seen; exit status 0."""
    client = Client.of(given)
    landing = find(client, given.landing)
    return order(given, client, f"landings/{landing['id']}", action, reason=given.reason, expect=landing["version"])


def find(client: Client, name: str) -> dict[str, Any]:
    """The landing of this number or commit. Raises CdError if there is none."""
    if name.isdigit() and len(name) < 12:
        return client.rows(f"landings/{name}", "landings")[0]
    found = client.rows("landings", "landings", head=name)
    if not found:
        raise CdError(f"no landing ends in {name}: give the full name of its newest commit, or its number")
    return found[0]


def order(given: argparse.Namespace, client: Client, path: str, action: str, **params: object) -> int:
    """Order it, and tell how it stands now; exit status 0."""
    now = client.act(path, action, **params)
    if given.json:
        print(json.dumps(now, indent=1))
    else:
        state = now.get("mode") or now.get("state") or "done"
        why = now.get("why") or now.get("reason") or ""
        print(f"{path}: {str(state).replace('_', ' ')}" + (f" ({plain(why)})" if why else ""))
    return 0
