# SPDX-License-Identifier: GPL-2.0-only
"""A loop around OpenSSH's own client, so many at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.fanout.peers.words import command


def main() -> int:
    order = json.load(sys.stdin)
    tar = Path(order["tar"])
    fixed = [
        *("ssh", "-F", "none", "-p", str(order["port"]), "-i", order["key"], "-o", "IdentitiesOnly=yes"),
        *("-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={order['known_hosts']}"),
    ]

    def one(name: str) -> int:
        address, root = order["hosts"][name]
        with tar.open("rb") as body:
            stdin = body if order["do"] == "stage" else subprocess.DEVNULL
            argv = [*fixed, f"root@{address}", command(order["do"], root, order["release"])]
            return subprocess.run(argv, stdin=stdin, stdout=subprocess.DEVNULL, check=False).returncode

    with ThreadPoolExecutor(order["parallel"]) as pool:
        return int(any(pool.map(one, order["hosts"])))


if __name__ == "__main__":
    sys.exit(main())
