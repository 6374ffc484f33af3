# SPDX-License-Identifier: GPL-2.0-only
"""What the peers run on a host, as one line for its shell."""

from __future__ import annotations


def command(do: str, root: str, release: str) -> str:
    """Reads a tar from stdin for ``stage``; for ``unpack`` the tar lies in the host's directory."""
    partial, done = f"{root}/releases/.{release}.partial", f"{root}/releases/{release}"
    return {
        "probe": f"readlink {root}/current || echo none",
        "stage": f"rm -rf {partial} {done} && mkdir -p {partial} && tar -xzf - -C {partial} && mv {partial} {done}",
        "unpack": f"rm -rf {partial} {done} && mkdir -p {partial} && tar -xzf {root}/tar -C {partial} && "
        f"mv {partial} {done}",
        "switch": f"ln -s releases/{release} {root}/current.tmp && mv -T {root}/current.tmp {root}/current",
    }[do]
