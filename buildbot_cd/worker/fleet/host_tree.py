# SPDX-License-Identifier: GPL-2.0-only
"""Hashes over a folder; runs on hosts too: standard library only, Python 3.8 or newer."""

from __future__ import annotations

import hashlib
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Entry = tuple[str, str, str]
    """Relative path; file, program (executable), link or folder; SHA-256 of the content, or where the link leads."""


def _walk(folder: str) -> list[tuple[str, os.stat_result]]:
    """Every file, link and folder below, sorted by relative path."""
    found: list[tuple[str, os.stat_result]] = []
    waiting = [("", folder)]
    while waiting:
        prefix, place = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                name = prefix + entry.name
                found.append((name, entry.stat(follow_symlinks=False)))
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((f"{name}/", entry.path))
    found.sort(key=lambda item: item[0])
    return found


def entries_of(folder: str) -> list[Entry]:
    """What is below ``folder``, sorted by path; reads every file.

    :raises ValueError: something is neither file, folder nor link.
    """
    found = []
    for name, info in _walk(folder):
        path = os.path.join(folder, name)
        if stat.S_ISLNK(info.st_mode):
            found.append((name, "link", os.readlink(path)))
        elif stat.S_ISDIR(info.st_mode):
            found.append((name, "folder", ""))
        elif stat.S_ISREG(info.st_mode):
            found.append((name, "program" if info.st_mode & 0o100 else "file", _digest(path)))
        else:
            raise ValueError(f"{path} is neither file, folder nor link; a release holds only these")
    return found


def manifest_of(entries: Iterable[Entry]) -> str:
    """SHA-256 over every path, kind and content."""
    total = hashlib.sha256()
    for entry in entries:
        for part in entry:
            data = os.fsencode(part)
            total.update(b"%d:" % len(data) + data)
    return total.hexdigest()


def manifest(folder: str) -> str:
    """The manifest of what is below ``folder``."""
    return manifest_of(entries_of(folder))


def _digest(path: str) -> str:
    content = hashlib.sha256()
    with open(path, "rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            content.update(block)
    return content.hexdigest()


def tree_stamp(folder: str) -> str:
    """A cheap hash of names, kinds, sizes and times: unchanged means that the contents need not be read again."""
    lines = []
    for name, info in _walk(folder):
        size, time = (0, 0) if stat.S_ISDIR(info.st_mode) else (info.st_size, info.st_mtime_ns)
        lines.append(f"{name}\0{info.st_mode}\0{size}\0{time}\0")
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
