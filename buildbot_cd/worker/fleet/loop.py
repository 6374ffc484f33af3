# SPDX-License-Identifier: GPL-2.0-only
"""The verb loop on one host: our modules sent to its python3, then one JSON line each way."""

from __future__ import annotations

import asyncio
import json
import os
from typing import IO, TYPE_CHECKING, Any, Self

import asyncssh

from buildbot_cd.worker.fleet.loop_text import modules

if TYPE_CHECKING:
    from buildbot_cd.worker.fleet.transport import Answer

# -I and -S leave out what a login would bring in, and save a third of the start.
# A constant: nothing of a request is ever part of a remote command line. Double quotes outside, none inside.
_START = (
    "import sys,json,types\n"
    "for name,text in json.loads(sys.stdin.buffer.read(int(sys.stdin.buffer.readline()))):\n"
    "    module=sys.modules[name]=types.ModuleType(name)\n"
    "    module.__path__=[]\n"
    "    exec(compile(text,name,'exec'),module.__dict__)\n"
    "module.serve(sys.stdin.buffer,sys.stdout.buffer)\n"
)
COMMAND = f'exec python3 -u -I -S -c "{_START}"'
_BLOCK = 1 << 18
_LONGEST_LINE = 1 << 22  # an answer is a few hundred bytes; what is longer is no answer


class LoopEnded(Exception):
    """The loop on the host is over, with what it last said on stderr."""


def program() -> bytes:
    """What is sent first: its length in a line, then JSON pairs of module name and source."""
    text = json.dumps(modules()).encode()
    return b"%d\n" % len(text) + text


class VerbLoop:
    """One running loop; one request at a time."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process

    @classmethod
    async def start(cls, connection: asyncssh.SSHClientConnection, text: bytes) -> Self:
        """Start ``python3`` on the host and send it ``program()``."""
        process = await connection.create_process(COMMAND, encoding=None)
        process.stdin.write(text)
        return cls(process)

    async def ask(self, request: dict[str, Any], body: tuple[IO[bytes], int] | None = None) -> Answer:
        """Send a request, and its ``body`` (file, bytes) if it has one; the host's answer.

        :raises LoopEnded: the loop or the connection ended before it answered, or the answer is none.
        """
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            if body is not None:
                await self._send(*body)
            line = await self._process.stdout.readuntil(b"\n")
            answer = json.loads(line) if len(line) < _LONGEST_LINE else None
        except (asyncio.IncompleteReadError, BrokenPipeError, asyncssh.Error) as error:
            raise LoopEnded(await self._last_words() or str(error) or type(error).__name__) from error
        except ValueError as error:
            raise LoopEnded(f"answered something that is not JSON: {error}") from error
        if not isinstance(answer, dict):
            raise LoopEnded("answered something that is not an object")
        return answer

    async def _send(self, file: IO[bytes], size: int) -> None:
        """Write the file in blocks, no faster than the host takes them."""
        for offset in range(0, size, _BLOCK):
            self._process.stdin.write(os.pread(file.fileno(), min(_BLOCK, size - offset), offset))
            await self._process.stdin.drain()

    async def _last_words(self) -> str:
        try:
            async with asyncio.timeout(1):
                words = await self._process.stderr.read()
        except (TimeoutError, asyncssh.Error, OSError):
            return ""
        return words.decode("utf-8", "replace").strip()[-300:]

    def close(self) -> None:
        """End the loop."""
        self._process.close()
