# SPDX-License-Identifier: GPL-2.0-only
"""Give a chunk to the pytest that stays on a worker, and pass on what its guard says.

    python -S cd_client.py SOCKET       {"tests": [{"nid": ..., "after": [nid, ...], "seconds": ...}, ...]}

A chunk is one line of JSON on stdin; with ``"ahead": seconds`` this program is let go when what is left will take no
longer (``more``): then the next one may bring the next chunk, and is told the rest. Each chunk costs a start of this
program beside the tests that run: so it imports next to nothing, and needs no ``site``.

This file is sent to a worker, and run by the tested project's own Python (3.8 or later).
"""

import os
import socket
import sys

DIED = 3  # exit status if pytest ended


def chunk(path: str, asked: bytes) -> int:
    """Have the tests run that are asked for."""
    last = tail = b""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(path)
            line.sendall(asked.strip() + b"\n")
        except OSError as error:
            died(f"no pytest waits at {path}: {error}")
            return DIED
        while True:
            data = received(line)
            if not data:
                break
            written(data)
            *whole, tail = (tail + data).split(b"\n")
            last = whole[-1] if whole else last
    if last.startswith((b'{"event":"end"', b'{"event":"more"')):
        return 0
    if not last.startswith(b'{"event":"died"'):
        died(f"pytest was ended: see {path}.log")
    return DIED


def received(line: socket.socket) -> bytes:
    """What came; empty at the end, also if that comes hard."""
    try:
        return line.recv(65536)
    except OSError:
        return b""


def written(data: bytes) -> None:
    """Write all of it to stdout."""
    while data:
        data = data[os.write(1, data) :]


def died(text: str) -> None:
    """Tell that there is no pytest, and why."""
    import json

    written((json.dumps({"event": "died", "text": text}) + "\n").encode("ascii"))


if __name__ == "__main__":
    sys.exit(chunk(sys.argv[1], sys.stdin.buffer.read()))
