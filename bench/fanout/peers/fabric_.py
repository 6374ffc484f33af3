# SPDX-License-Identifier: GPL-2.0-only
"""Fabric: paramiko in threads. Its own ThreadingGroup takes a thread a host; here they are so many at a time."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from fabric import Config, Connection

from bench.fanout.peers.words import command


def main() -> int:
    order = json.load(sys.stdin)
    settings = {"run": {"hide": True, "warn": True, "in_stream": False}, "load_ssh_configs": False}
    keys = {"key_filename": order["key"], "look_for_keys": False, "allow_agent": False}

    def one(name: str) -> bool:
        address, root = order["hosts"][name]
        config = Config(overrides=settings)  # one a connection: threads that share one see it half merged
        with Connection(address, user="root", port=order["port"], config=config, connect_kwargs=keys) as connection:
            do = order["do"]
            if do == "stage":
                connection.put(order["tar"], f"{root}/tar")
                do = "unpack"
            return bool(connection.run(command(do, root, order["release"])).failed)

    with ThreadPoolExecutor(order["parallel"]) as pool:
        return int(any(pool.map(one, order["hosts"])))


if __name__ == "__main__":
    sys.exit(main())
