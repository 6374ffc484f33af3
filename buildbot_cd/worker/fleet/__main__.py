# SPDX-License-Identifier: GPL-2.0-only
"""``python -m buildbot_cd.worker.fleet``: request on stdin, events on stdout.

With ``--daemon DIR`` the daemon of that folder does it, which keeps the connections to the hosts; without it, or for a
transport that has none to keep, this process does. ``--daemon DIR --stop`` ends the daemon.

Exit code 0: it worked on all hosts; 1: not on all, the events say where and why; 2: the request cannot be done at all.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING

from buildbot_cd.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one request; the exit code."""
    given = _parser().parse_args(arguments)
    try:
        return _do(given)
    except FleetError as error:
        sys.stdout.write(json.dumps({"event": "error", "error": str(error)}) + "\n")
        sys.stdout.flush()
        sys.stderr.write(f"{error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m buildbot_cd.worker.fleet", description="one verb on many hosts")
    parser.add_argument("--daemon", metavar="DIR", help="let the daemon of this folder do it; started if need be")
    parser.add_argument("--idle", type=float, help="seconds without a request after which the daemon ends")
    parser.add_argument("--stop", action="store_true", help="end the daemon")
    parser.add_argument("--serve", metavar="DIR", help=argparse.SUPPRESS)
    parser.add_argument("--ready", type=int, help=argparse.SUPPRESS)
    return parser


def _do(given: argparse.Namespace) -> int:
    if given.serve is not None:
        from buildbot_cd.worker.fleet.daemon import serve

        return serve(given.serve, given.ready)
    if given.stop:
        from buildbot_cd.worker.fleet.client import stop_daemon

        stop_daemon(given.daemon or ".")
        return 0
    text = sys.stdin.read()
    if given.daemon is not None:
        from buildbot_cd.worker.fleet.client import through_daemon

        return through_daemon(given.daemon, text, given.idle, sys.stdout)
    from buildbot_cd.worker.fleet.fanout import fan_out
    from buildbot_cd.worker.fleet.request import parse_request

    return asyncio.run(fan_out(parse_request(text), sys.stdout))


if __name__ == "__main__":
    sys.exit(main())
