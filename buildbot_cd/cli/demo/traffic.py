# SPDX-License-Identifier: GPL-2.0-only
"""People who visit the shop: a steady number of requests a second, spread evenly over all hosts::

    python -m buildbot_cd.cli.demo.traffic --fleet inventory.json --port P --rate 200 --seed 7 --log FILE

FILE gets JSON lines: ``{"kind": "second", "at", "sent", "ok", "errors", "failed", "signups"}`` each second (errors:
answers 5xx; failed: no answer), ``{"kind": "release", "at", "host", "release"}`` whenever a host's answers first name
a release, and at the end ``{"kind": "end", ...}`` with the sums. Times are seconds since the epoch. Ends on SIGTERM,
when its parent ends, and after --max-seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import IO, Any

from buildbot_cd.cli.demo import inventory
from buildbot_cd.cli.demo.visitor import SIGN_UP_SHARE, Call, Seen, Visit, visit
from buildbot_cd.errors import CdError

ANSWER_SECONDS = 5.0
MAX_BEHIND = 0.5


class Exchange(asyncio.Protocol):
    """One request and its answer on a connection of its own."""

    def __init__(self, address: str, call: Call, done: asyncio.Future[bytes]) -> None:
        self._address = address
        self._call = call
        self._done = done
        self._parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the whole request."""
        assert isinstance(transport, asyncio.Transport)
        path, body = self._call
        method = "POST" if body else "GET"
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._address}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        transport.write(head.encode())

    def data_received(self, data: bytes) -> None:
        """Keep a piece of the answer."""
        self._parts.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The answer is whole: the shop closes the connection behind it."""
        if not self._done.done():
            self._done.set_result(b"" if exc else b"".join(self._parts))


async def ask(address: str, port: int, call: Call) -> tuple[Seen, str]:
    """What a person sees after a call, and the release that answered; status 0 when there was no answer in time."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()
    transport = None
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            transport, _ = await loop.create_connection(lambda: Exchange(address, call, done), address, port)
            return read_answer(await done)
    except (OSError, TimeoutError):
        return Seen(0, ""), ""
    finally:
        if transport is not None:
            transport.abort()


def read_answer(data: bytes) -> tuple[Seen, str]:
    """The status and the page in the bytes of an answer, and the release it names; status 0 when it is cut off."""
    head, end, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if not end or headers.get("content-length") != str(len(body)):
        return Seen(0, ""), ""
    return Seen(int(lines[0].split(" ")[1]), body.decode("utf-8", "replace")), headers.get("x-release", "")


class Crowd:
    """Everybody who is in the shop."""

    def __init__(
        self, hosts: tuple[inventory.HostEntry, ...], port: int, seed: int, share: float, log: IO[str]
    ) -> None:
        self._hosts = hosts
        self._port = port
        self._rng = random.Random(seed)  # noqa: S311 - people, not keys
        self._share = share
        self._log = log
        self._waiting: list[deque[tuple[Visit, Call]]] = [deque() for _ in hosts]
        self._visits = 0
        self._releases: dict[str, str] = {}
        self._now: Counter[str] = Counter()
        self._sum: Counter[str] = Counter()
        self._open: set[asyncio.Task[None]] = set()

    async def come(self, rate: float, stop: asyncio.Event) -> None:
        """Make `rate` requests a second until stop is set; then wait for the answers that are still out."""
        loop = asyncio.get_running_loop()
        turn = self._rng.sample(range(len(self._hosts)), len(self._hosts))
        start = due = loop.time()
        second = 1
        while not stop.is_set():
            self._send(turn[self._sum["sent"] % len(turn)])
            # Who fell far behind (a machine that stood still) goes on from here: no flood to catch up.
            due = max(due + 1 / rate, loop.time() - MAX_BEHIND)
            if loop.time() - start >= second:
                self._write_second()
                second = int(loop.time() - start) + 1
            await asyncio.sleep(max(0.0, due - loop.time()))
        if self._open:
            await asyncio.wait(self._open, timeout=ANSWER_SECONDS)
        self._write_second()
        self._write({"kind": "end", "visits": self._visits, **self._sum})

    def _send(self, place: int) -> None:
        waiting = self._waiting[place]
        if waiting:
            person, call = waiting.popleft()
        else:
            self._visits += 1
            rng = random.Random(self._rng.getrandbits(32))  # noqa: S311 - as above
            person = visit(self._visits, rng, self._share)
            call = next(person)
        self._count("sent")
        task = asyncio.get_running_loop().create_task(self._exchange(place, person, call))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _exchange(self, place: int, person: Visit, call: Call) -> None:
        host = self._hosts[place]
        seen, release = await ask(host.address, self._port, call)
        self._count("failed" if seen.status == 0 else "errors" if seen.status >= 500 else "ok")
        if call.path == "/signup" and seen.status == 200:
            self._count("signups")
        if release and self._releases.get(host.name) != release:
            self._releases[host.name] = release
            self._write({"kind": "release", "host": host.name, "release": release})
        with contextlib.suppress(StopIteration):
            self._waiting[place].append((person, person.send(seen)))

    def _count(self, what: str) -> None:
        self._now[what] += 1
        self._sum[what] += 1

    def _write_second(self) -> None:
        names = ("sent", "ok", "errors", "failed", "signups")
        self._write({"kind": "second", **{name: self._now[name] for name in names}})
        self._now.clear()

    def _write(self, line: dict[str, Any]) -> None:
        self._log.write(json.dumps({"at": round(time.time(), 3), **line}) + "\n")
        self._log.flush()


async def run(given: argparse.Namespace) -> None:
    """Let the crowd in until something says that it is over."""
    hosts = inventory.read(given.fleet)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with given.log.open("a", encoding="utf-8") as log:
        crowd = Crowd(hosts, given.port, given.seed, given.sign_up_share, log)
        watch = asyncio.create_task(_watch(stop, os.getppid(), given.max_seconds))
        await crowd.come(given.rate, stop)
        watch.cancel()


async def _watch(stop: asyncio.Event, parent: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while os.getppid() == parent and time.monotonic() < deadline:  # noqa: ASYNC110 - no event tells of a new parent
        await asyncio.sleep(min(0.5, seconds))
    stop.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m buildbot_cd.cli.demo.traffic", description="people in the shop")
    parser.add_argument("--fleet", type=Path, required=True, help="inventory.json")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=_positive, default=200.0, help="requests a second, over all hosts")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--sign-up-share", type=float, default=SIGN_UP_SHARE)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--max-seconds", type=_positive, default=1800.0)
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def main(arguments: list[str] | None = None) -> int:
    """The command line; exit status 1 with one line on stderr when the inventory or the log cannot be used."""
    given = _parser().parse_args(arguments)
    try:
        asyncio.run(run(given))
    except (CdError, OSError) as error:
        print(f"traffic: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
