# SPDX-License-Identifier: GPL-2.0-only
"""parallel-ssh: libssh2 under gevent, one process."""

from __future__ import annotations

import json
import sys

from pssh.clients import ParallelSSHClient

from bench.fanout.peers.words import command


def main() -> int:
    order = json.load(sys.stdin)
    hosts = list(order["hosts"].values())
    client = ParallelSSHClient(
        [address for address, _ in hosts],
        user="root",
        port=order["port"],
        pkey=order["key"],
        pool_size=order["parallel"],
        allow_agent=False,
    )
    do = order["do"]
    if do == "stage":
        from gevent import joinall

        to = [{"local_file": order["tar"], "remote_file": f"{root}/tar"} for _, root in hosts]
        joinall(client.copy_file("%(local_file)s", "%(remote_file)s", copy_args=to), raise_error=True)
        do = "unpack"
    commands = tuple({"cmd": command(do, root, order["release"])} for _, root in hosts)
    output = client.run_command("%(cmd)s", host_args=commands)
    client.join(output)
    return int(any(host.exit_code != 0 for host in output))


if __name__ == "__main__":
    sys.exit(main())
