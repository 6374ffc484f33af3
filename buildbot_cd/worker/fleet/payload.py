# SPDX-License-Identifier: GPL-2.0-only
"""The release on the deploy worker: a folder, the list of what it holds, and packed tars of parts of it."""

from __future__ import annotations

import asyncio
import json
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

from buildbot_cd.errors import FleetError
from buildbot_cd.worker.fleet.host_tree import entries_of, manifest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Body = tuple[IO[bytes], int]
"""An open file and how many bytes of it are sent after a request; read it with os.pread, for all hosts share it."""


class Payload:
    """A folder to be staged. What it holds is read when it is opened, so that later changes are noticed on the host.

    :raises FleetError: no folder there, empty, or it holds something that is neither file, folder nor link.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FleetError(f"payload: {folder} is not a folder on this worker; was the release built?")
        if not any(self.folder.iterdir()):
            raise FleetError(f"payload: {folder} is empty; a release without files would take the service away")
        try:
            self._entries = entries_of(folder)
            self.manifest = manifest_of(self._entries)
        except (OSError, ValueError) as error:
            raise FleetError(f"payload: {error}") from error
        self._listing: Body | None = None
        self._tars: dict[tuple[int, ...], asyncio.Task[Body]] = {}

    def listing(self) -> Body:
        """The list of entries, as ``prepare`` takes it on the host."""
        if self._listing is None:
            self._listing = _kept(zlib.compress(json.dumps(self._entries).encode("ascii"), 6))
        return self._listing

    @property
    def everything(self) -> list[list[int]]:
        """The range of all entries."""
        return [[0, len(self._entries)]]

    def size(self, ranges: Iterable[Sequence[int]]) -> int:
        """The bytes of the files among these entries."""
        paths = [self._entries[index][0] for first, end in ranges for index in range(first, end)]
        return sum((self.folder / path).lstat().st_size for path in paths)

    async def tar(self, ranges: Iterable[Sequence[int]]) -> Body:
        """A packed tar of these entries; made once for all hosts that lack the same ones."""
        indexes = tuple(index for first, end in ranges for index in range(first, end))
        if indexes not in self._tars:
            self._tars[indexes] = asyncio.create_task(asyncio.to_thread(self._pack, indexes))
        return await asyncio.shield(self._tars[indexes])

    def _pack(self, indexes: Iterable[int]) -> Body:
        file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the payload
        with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT, compresslevel=6) as tar:
            for index in indexes:
                name = self._entries[index][0]
                tar.add(self.folder / name, arcname=name, recursive=False, filter=_without_owner)
        file.flush()
        return file, file.seek(0, 2)

    def close(self) -> None:
        """Let the files go."""
        bodies = [task.result() for task in self._tars.values() if task.done() and not task.exception()]
        for file, _ in [*bodies, *([self._listing] if self._listing is not None else [])]:
            file.close()
        self._listing, self._tars = None, {}


def _kept(content: bytes) -> Body:
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the payload
    file.write(content)
    file.flush()
    return file, len(content)


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Files shall belong to who unpacks them, as with rsync, not to a number of the deploy worker; and their times are
    whole seconds: parts of one take a header of their own, whose reading is a third of unpacking small files.
    """
    member.mtime = int(member.mtime)
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
