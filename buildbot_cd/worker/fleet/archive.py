# SPDX-License-Identifier: GPL-2.0-only
"""The last releases, kept on the deploy worker: a host that comes back later is given what it missed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from buildbot_cd.errors import FleetError

if TYPE_CHECKING:
    from pathlib import Path


def keep_release(payload: Path, archive: str, release: str, keep: int) -> None:
    """Copy the release into ``archive/<release>`` unless it is there, and remove all but the newest ``keep``.

    :raises FleetError: no room, no permission; nothing half copied is left under the release's name.
    """
    place = os.path.join(archive, release)
    partial = os.path.join(archive, f".{release}.partial")
    try:
        os.makedirs(archive, exist_ok=True)
        if not os.path.isdir(place):
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(payload, partial, symlinks=True)
            os.utime(partial)  # copytree gives it the time of the build's folder; its age here is what counts
            os.rename(partial, place)
        kept = [name for name in os.listdir(archive) if not name.startswith(".")]
        kept.sort(key=lambda name: os.stat(os.path.join(archive, name)).st_mtime_ns, reverse=True)
        for name in kept[keep:]:
            if name != release:
                shutil.rmtree(os.path.join(archive, name))
    except (OSError, shutil.Error) as error:
        raise FleetError(f"archive: {release} could not be kept in {archive}: {error}") from error
