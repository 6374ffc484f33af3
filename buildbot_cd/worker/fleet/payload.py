# SPDX-License-Identifier: GPL-2.0-only
"""The release on the deploy worker: a folder, its manifest, and a tar of it made at most once."""

from __future__ import annotations

import asyncio
import tarfile
import tempfile
from pathlib import Path
from typing import IO

from buildbot_cd.errors import FleetError
from buildbot_cd.worker.fleet.host_tree import manifest


class Payload:
    """A folder to be staged. Its manifest is taken when it is opened, so that later changes are noticed on the host.

    :raises FleetError: no folder there, empty, or it holds something that is neither file, folder nor link.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FleetError(f"payload: {folder} is not a folder on this worker; was the release built?")
        if not any(self.folder.iterdir()):
            raise FleetError(f"payload: {folder} is empty; a release without files would take the service away")
        try:
            self.manifest = manifest(folder)
        except (OSError, ValueError) as error:
            raise FleetError(f"payload: {error}") from error
        self._tar: IO[bytes] | None = None
        self._size = 0
        self._lock = asyncio.Lock()

    async def tar(self) -> tuple[IO[bytes], int]:
        """An open tar file and its size in bytes; read it with os.pread, for all hosts share it."""
        async with self._lock:
            if self._tar is None:
                self._tar = await asyncio.to_thread(self._pack)
                self._size = self._tar.seek(0, 2)
        return self._tar, self._size

    def _pack(self) -> IO[bytes]:
        file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the payload
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.add(self.folder, arcname=".", filter=_without_owner)
        file.flush()
        return file

    def close(self) -> None:
        """Let the tar go."""
        if self._tar is not None:
            self._tar.close()
            self._tar = None


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Files shall belong to who unpacks them, as with rsync, not to a number of the deploy worker."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
