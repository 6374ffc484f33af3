# SPDX-License-Identifier: GPL-2.0-only
"""What the commands that order something share."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from buildbot_cd.cli.asking.words import moment, plain

if TYPE_CHECKING:
    from buildbot_cd.cli.asking.client import Client


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
