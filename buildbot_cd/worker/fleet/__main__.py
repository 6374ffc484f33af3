# SPDX-License-Identifier: GPL-2.0-only
"""``python -m buildbot_cd.worker.fleet``: request on stdin, events on stdout.

Exit code 0: it worked on all hosts; 1: not on all, the events say where and why; 2: the request cannot be done at all.
"""

from __future__ import annotations

import asyncio
import json
import sys

from buildbot_cd.errors import FleetError
from buildbot_cd.worker.fleet.fanout import fan_out
from buildbot_cd.worker.fleet.request import parse_request


def main() -> int:
    """Do one request; the exit code."""
    try:
        request = parse_request(sys.stdin.read())
        return asyncio.run(fan_out(request, sys.stdout))
    except FleetError as error:
        sys.stdout.write(json.dumps({"event": "error", "error": str(error)}) + "\n")
        sys.stdout.flush()
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
