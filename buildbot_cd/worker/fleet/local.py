# SPDX-License-Identifier: GPL-2.0-only
"""Hosts that are folders on this machine: tests, the demo, and fleets on a shared disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildbot_cd.worker.fleet import host
from buildbot_cd.worker.fleet.transport import Answer, HostError, checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.worker.fleet.payload import Payload
    from buildbot_cd.worker.fleet.request import Target


class LocalTransport:
    """Runs the verbs in threads of this process."""

    def __init__(self, parallel: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="host")
        self._first = asyncio.Lock()
        self._copied: tuple[Path, ...] = ()

    async def call(self, target: Target, verb: str, timeout: float, **arguments: object) -> Answer:
        """Run the verb in a thread; ``timeout`` is kept by the verbs themselves."""
        del timeout
        request = {"verb": verb, "root": target.root, **arguments}
        return checked(await asyncio.get_running_loop().run_in_executor(self._pool, host.answer, request))

    async def fill(self, target: Target, what: Mapping[str, Any], payload: Payload) -> Answer:
        """Copy the payload once, then hard-link each further host's release to the first one's.

        Never linked to the payload itself: the next build may write into those files in place.
        """
        prepared = await self.call(target, "prepare", 0.0, **what)
        if not prepared["complete"]:
            await self._copy(target, str(what["release"]), payload)
        return prepared

    async def _copy(self, target: Target, release: str, payload: Payload) -> None:
        partial = Path(target.root, "releases", f".{release}.partial")
        loop = asyncio.get_running_loop()
        try:
            async with self._first:
                if not self._copied:
                    await loop.run_in_executor(self._pool, _copy_tree, payload.folder, partial)
                    self._copied = (partial, Path(target.root, "releases", release))  # before and after its finish
                    return
            await loop.run_in_executor(self._pool, _link_tree, self._copied, payload.folder, partial)
        except (OSError, shutil.Error) as error:
            raise HostError("failed", f"copying {release}: {error}") from error

    async def close(self) -> None:
        """Wait for the threads."""
        self._pool.shutdown(wait=True)


def _copy_tree(source: Path, to: Path) -> None:
    shutil.copytree(source, to, symlinks=True, dirs_exist_ok=True)


def _link_tree(copied: tuple[Path, ...], source: Path, to: Path) -> None:
    """Link to a file below one of ``copied`` where the disk can, copy it from ``source`` where not."""

    def link(_: str, new: str) -> None:
        name = Path(new).relative_to(to)
        for folder in copied:
            with contextlib.suppress(OSError):
                os.link(folder / name, new, follow_symlinks=False)
                return
        shutil.copy2(source / name, new, follow_symlinks=False)

    shutil.copytree(source, to, symlinks=True, dirs_exist_ok=True, copy_function=link)
