# SPDX-License-Identifier: GPL-2.0-only
"""``python -m buildbot_cd.worker.fleet``: request on stdin, events on stdout.

With ``--daemon DIR`` the daemon of that folder does it, which keeps the connections to the hosts; without it, or for a
transport that has none to keep, this process does. ``--daemon DIR --stop`` ends the daemon. With ``--lease FILE --owner
NAME`` nothing is begun while another owner holds the lease; ``--stop`` gives it back. ``--host-program`` prints the
program that a host may have as forced command of the deploy worker's key.

Exit code 0: it worked on all hosts; 1: not on all, the events say where and why; 2: the request cannot be done at all.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING

from buildbot_cd.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Sequence


HOLD_SECONDS = 900.0
"""For how long a lease is taken where ``--idle`` says nothing: should its owner die, the next one waits that long."""


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
    parser.add_argument("--lease", metavar="FILE", help="take this lease first, and give it back with --stop")
    parser.add_argument("--owner", default="somebody", help="whose lease it is")
    parser.add_argument("--fence", type=int, help="the rollout's number; --stop then spares what a newer one uses")
    parser.add_argument("--host-program", action="store_true", help="print the program for hosts")
    parser.add_argument("--serve", metavar="DIR", help=argparse.SUPPRESS)
    parser.add_argument("--ready", type=int, help=argparse.SUPPRESS)
    return parser


def _do(given: argparse.Namespace) -> int:
    if given.serve is not None:
        from buildbot_cd.worker.fleet.daemon import serve

        return serve(given.serve, given.ready)
    if given.host_program:
        from buildbot_cd.worker.fleet.host_program import host_program

        sys.stdout.write(host_program())
        return 0
    if given.stop:
        return _stop(given)
    text = sys.stdin.read()
    if given.lease is not None:
        from buildbot_cd.worker.fleet import lease

        lease.take(given.lease, given.owner, given.idle or HOLD_SECONDS, time.time(), given.fence or 0)
    if given.daemon is not None:
        from buildbot_cd.worker.fleet.client import through_daemon

        return through_daemon(given.daemon, text, given.idle, sys.stdout)
    import asyncio  # only here: a command through the daemon is short, and this would be half of it

    from buildbot_cd.worker.fleet.fanout import fan_out
    from buildbot_cd.worker.fleet.request import parse_request

    return asyncio.run(fan_out(parse_request(text), sys.stdout))


def _stop(given: argparse.Namespace) -> int:
    if given.daemon is not None:
        from buildbot_cd.worker.fleet.client import stop_daemon

        stop_daemon(given.daemon, given.fence)
    if given.lease is not None:
        from buildbot_cd.worker.fleet import lease

        lease.give_back(given.lease, given.owner, given.fence)
    return 0


if __name__ == "__main__":
    sys.exit(main())
