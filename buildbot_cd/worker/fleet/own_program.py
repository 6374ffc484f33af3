# SPDX-License-Identifier: GPL-2.0-only
"""Programs that run on the deploy worker itself: rsync, and what reaches hosts that are not ours."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_LAST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that came to its end: its exit code (negative: the signal), and what it printed."""

    code: int
    said: str
    problems: str

    @property
    def last_words(self) -> str:
        """The end of what it said about its failure."""
        return self.problems.strip()[-_LAST_WORDS:] or self.said.strip()[-_LAST_WORDS:] or "no word why"


async def run_to_end(
    argv: Sequence[str], timeout: float, folder: Path | None = None, env: Mapping[str, str] | None = None
) -> Ended:
    """Run a program without a shell; it is killed when it takes longer than ``timeout`` seconds, or nobody waits.

    Its output goes to files: what it leaves running in the background would keep a pipe open, and us waiting.

    :raises TimeoutError: it took too long.
    :raises OSError: it could not be started.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as problems:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=problems, cwd=folder, env=env
        )
        try:
            async with asyncio.timeout(timeout):
                code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Ended(code, *(_text(one) for one in (said, problems)))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
