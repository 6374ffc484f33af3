# SPDX-License-Identifier: GPL-2.0-only
"""Payload by rsync over OpenSSH: only what differs from the host's current release travels."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING, Any

from buildbot_cd.worker.fleet.own_program import run_to_end
from buildbot_cd.worker.fleet.transport import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from buildbot_cd.worker.fleet.request import Target

# rsync's exit codes for "the connection or the other side's rsync did not work": another way may.
_NO_CONNECTION = frozenset({2, 5, 10, 12, 14, 30, 35, 126, 127, 255})

# rsync's own words often stay behind in the dying connection.
_MEANING = {
    3: "a file or folder of the payload or of the host is not accessible",
    11: "writing on the host failed: disk full, no permission or file too large",
    23: "some files were not copied",
    24: "files of the payload vanished while it was read",
}


class NoRsync(Exception):
    """rsync cannot reach the host the way we do; send the files otherwise."""


def available() -> bool:
    """Whether this machine has rsync and ssh."""
    return shutil.which("rsync") is not None and shutil.which("ssh") is not None


def command(ssh: Mapping[str, Any], target: Target, folder: Path, release: str, base: str | None) -> list[str]:
    """The argument list. ``base`` is the release on the host against which unchanged files are hard-linked."""
    partial = f"{target.root}/releases/.{release}.partial/"
    link = [f"--link-dest=../{base}/"] if base else []
    address = f"[{target.address}]" if ":" in target.address else target.address
    user = f"{ssh['user']}@" if ssh.get("user") else ""
    options = ("--recursive", "--links", "--perms", "--times", "--delete", "--secluded-args", "--timeout=60")
    shell = f"--rsh={_shell(ssh, target.host.port or ssh.get('port'))}"
    return ["rsync", *options, *link, shell, "--", f"{folder}/", f"{user}{address}:{partial}"]


def _shell(ssh: Mapping[str, Any], port: int | None) -> str:
    words = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
    if ssh.get("config"):
        words += ["-F", ssh["config"]]
    if port:
        words += ["-p", str(port)]
    if ssh.get("key_file"):
        words += ["-i", ssh["key_file"], "-o", "IdentitiesOnly=yes"]
    if ssh.get("known_hosts"):
        words += ["-o", f"UserKnownHostsFile={ssh['known_hosts']}", "-o", "GlobalKnownHostsFile=/dev/null"]
    return shlex.join(words)  # rsync splits it by itself, with quotes as here; no shell reads it


async def run(argv: list[str], timeout: float) -> None:
    """Run it to its end.

    :raises NoRsync: the connection did not come about.
    :raises HostError: failed (disk full and the like), or unreachable after ``timeout`` seconds.
    """
    try:
        ended = await run_to_end(argv, timeout)
    except TimeoutError:
        raise HostError("unreachable", f"rsync took longer than {timeout:g} s") from None
    if ended.code in _NO_CONNECTION:
        raise NoRsync(ended.last_words)
    if ended.code != 0:
        meaning = _MEANING.get(ended.code, "see its manual page")
        raise HostError("failed", f"rsync ended with {ended.code} ({meaning}): {ended.last_words}")
