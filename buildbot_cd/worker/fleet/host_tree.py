# SPDX-License-Identifier: GPL-2.0-only
"""Hashes over a folder; runs on hosts too: standard library only, Python 3.8 or newer."""

from __future__ import annotations

import hashlib
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def _walk(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every file, link and folder below, sorted by relative path."""
    found = []
    for base, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(base, name)
            found.append((os.path.relpath(path, folder), os.lstat(path)))
    return iter(sorted(found, key=lambda item: item[0]))


def manifest(folder: str) -> str:
    """SHA-256 over every path, kind, executable bit and content below ``folder``."""
    total = hashlib.sha256()
    for name, info in _walk(folder):
        path = os.path.join(folder, name)
        if stat.S_ISLNK(info.st_mode):
            kind, content = "link", os.fsencode(os.readlink(path))
        elif stat.S_ISDIR(info.st_mode):
            kind, content = "folder", b""
        elif stat.S_ISREG(info.st_mode):
            kind, content = ("program" if info.st_mode & 0o100 else "file"), _digest(path)
        else:
            raise ValueError(f"{path} is neither file, folder nor link; a release holds only these")
        for part in (os.fsencode(name), kind.encode(), content):
            total.update(b"%d:" % len(part) + part)
    return total.hexdigest()


def _digest(path: str) -> bytes:
    content = hashlib.sha256()
    with open(path, "rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            content.update(block)
    return content.digest()


def tree_stamp(folder: str) -> str:
    """A cheap hash of names, kinds, sizes and times: unchanged means that the contents need not be read again."""
    total = hashlib.sha256()
    for name, info in _walk(folder):
        is_folder = stat.S_ISDIR(info.st_mode)
        what = (name, info.st_mode, 0 if is_folder else info.st_size, 0 if is_folder else info.st_mtime_ns)
        total.update(repr(what).encode("utf-8", "surrogateescape"))
    return total.hexdigest()
