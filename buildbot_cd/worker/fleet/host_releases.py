# SPDX-License-Identifier: GPL-2.0-only
"""The releases on a host: made ready, filled, checked, removed. Standard library only, Python 3.8 or newer."""

from __future__ import annotations

import contextlib
import json
import os
import shutil

from buildbot_cd.worker.fleet import host_state
from buildbot_cd.worker.fleet.host_state import (
    VerbError,
    fenced,
    keep,
    linked,
    locked,
    partial_dir,
    read,
    release_dir,
    seen,
    state_of,
    write,
)
from buildbot_cd.worker.fleet.host_tree import entries_of, manifest, manifest_of, tree_stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from buildbot_cd.worker.fleet.host_tree import Entry


def complete(root: str) -> list[str]:
    """Complete releases, the newest first."""
    folder = os.path.join(root, "releases")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    marked = [name[: -len(".complete")] for name in names if name.endswith(".complete")]
    there = [name for name in marked if os.path.isdir(os.path.join(folder, name))]
    return sorted(there, key=lambda name: os.stat(os.path.join(folder, f"{name}.complete")).st_mtime_ns, reverse=True)


_whole: dict[str, tuple[list[str], list[tuple[int, ...]]]] = {}
"""Release to its folders and their seal, as this process last found it whole. A verb loop that has staged a release
switches to it, and back, without looking at each of its files again: nine tenths of a switch would be that."""


def _seal(path: str, folders: list[str]) -> list[tuple[int, ...]]:
    """What changes when a file of the release is added, removed, renamed or replaced, or when it is staged anew.

    A file that is written to in place moves nothing of this; a loop that is opened later sees it.
    """
    infos = [os.stat(name) for name in (f"{path}.complete", *folders)]
    return [(info.st_dev, info.st_ino, info.st_mtime_ns, info.st_ctime_ns) for info in infos]


def _remember(path: str) -> None:
    folders = [folder for folder, _, _ in os.walk(path)]
    _whole[path] = (folders, _seal(path, folders))


def _known_whole(path: str) -> bool:
    folders, seal = _whole.get(path, ([], []))
    with contextlib.suppress(OSError):
        return bool(folders) and _seal(path, folders) == seal
    return False


def verify(root: str, release: str) -> None:
    """Refuse a release that is not here as a whole and unchanged."""
    path = release_dir(root, release)
    if _known_whole(path):
        return
    marker = read(f"{path}.complete") if os.path.isdir(path) else None
    if marker is None:
        raise VerbError("refused", f"release {release} is not complete on this host; stage it first")
    if marker.get("tree") != tree_stamp(path) and marker.get("manifest") != manifest(path):
        raise VerbError("refused", f"release {release} was changed after it was staged; stage it again")
    _remember(path)


def prepare(root: str, release: str, manifest: str, fence: int, **more: Any) -> dict[str, Any]:
    """Make a place for a release, unless it is here already as a whole (``complete`` is true then).

    The body of the request lists what the release holds. What the current or the previous release has already is
    linked; the answer names the rest: ``missing`` holds ranges [first, end) of the list, ``bytes`` is not known here.
    """
    body = _listed(more.get("stream"), int(more.get("size") or 0), manifest)
    with locked(root):
        state = state_of(root)
        if fenced(state, fence):
            keep(root, state)
        if _is_here(root, release, manifest):
            return seen(root, complete=True)
        drop(root, release)
        partial = partial_dir(root, release)
        shutil.rmtree(partial, ignore_errors=True)
        os.makedirs(partial)
        told = {"complete": False, "rsync": shutil.which("rsync") is not None}
        if body is None or not more.get("link", True):
            return seen(root, **told)
        missing = _link_known(root, partial, body, [state["current"], state["previous"]])
        return seen(root, **told, missing=missing)


def _is_here(root: str, release: str, manifest: str) -> bool:
    marker = read(f"{release_dir(root, release)}.complete")
    if marker is None or marker.get("manifest") != manifest:
        return False
    _whole.pop(release_dir(root, release), None)  # whoever stages again wants to know
    with contextlib.suppress(VerbError):
        verify(root, release)
        return True
    return False


def _listed(stream: BinaryIO | None, size: int, manifest: str) -> list[Entry] | None:
    """The list that came with the request; its paths stay inside, through folders that it names itself."""
    if stream is None or not size:
        return None
    import zlib

    try:
        content = json.loads(zlib.decompress(stream.read(size)))
    except zlib.error as error:
        raise VerbError("failed", f"the list of files arrived damaged: {error}") from None
    entries = [(str(path), str(kind), str(what)) for path, kind, what in content]
    folders = {""} | {path for path, kind, _ in entries if kind == "folder"}
    for path, _, _ in entries:
        if os.path.dirname(path) not in folders or os.path.basename(path) in ("", ".", ".."):
            raise VerbError("refused", f"{path!r} would be written outside of the release")
    if manifest_of(entries) != manifest:
        raise VerbError("failed", "the list of files arrived damaged; try again")
    return entries


def _link_known(root: str, partial: str, entries: list[Entry], bases: list[str | None]) -> list[list[int]]:
    """Make folders and symlinks, link files that a release here has unchanged; ranges of what is left to be sent."""
    known = _known_files(root, bases)
    missing: list[list[int]] = []
    for index, (path, kind, what) in enumerate(entries):
        place = os.path.join(partial, path)
        if kind == "folder":
            os.makedirs(place, exist_ok=True)
        elif kind == "link":
            os.symlink(what, place)
        elif not _linked_from(known.get((kind, what)), place):
            if missing and missing[-1][1] == index:
                missing[-1][1] = index + 1
            else:
                missing.append([index, index + 1])
    return missing


def _known_files(root: str, bases: list[str | None]) -> dict[tuple[str, str], tuple[str, int, int]]:
    """(kind, digest) to path, size and time of a file, as recorded when its release was complete."""
    known: dict[tuple[str, str], tuple[str, int, int]] = {}
    for base in bases:
        folder = release_dir(root, base) if base else ""
        for path, (kind, digest, size, time) in ((read(f"{folder}.files") if base else None) or {}).items():
            known.setdefault((kind, digest), (os.path.join(folder, path), size, time))
    return known


def _linked_from(source: tuple[str, int, int] | None, place: str) -> bool:
    if source is None:
        return False
    path, size, time = source
    with contextlib.suppress(OSError):
        info = os.lstat(path)
        if (info.st_size, info.st_mtime_ns) == (size, time):
            os.link(path, place)
            return True
    return False


def drop(root: str, release: str) -> None:
    """Remove a release, marker first, so that it is never half there and called complete."""
    if release == linked(root):
        raise VerbError("refused", f"release {release} is current on this host with other contents; use a new id")
    path = release_dir(root, release)
    for ending in (".complete", ".files"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}{ending}")
    host_state.checkpoint("drop:unmarked")
    if os.path.isdir(path):
        shutil.rmtree(path)


def unpack(root: str, release: str, size: int, stream: BinaryIO, **_: object) -> dict[str, Any]:
    """Read ``size`` bytes of a packed tar from ``stream`` into the partial folder; they are read whatever happens."""
    import tarfile

    bounded = Bounded(stream, size)
    options: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
    try:
        source: Any = bounded  # all that the stream mode calls is read()
        with tarfile.open(fileobj=source, mode="r|gz") as tar:
            for member in tar:
                if member.name.startswith("/") or ".." in member.name.split("/"):
                    raise VerbError("refused", f"{member.name!r} would be written outside of the release")
                place = os.path.join(partial_dir(root, release), member.name)
                if os.path.lexists(place) and not os.path.isdir(place):
                    os.unlink(place)  # it may be linked to another release, which writing would change
                tar.extract(member, partial_dir(root, release), **options)
    except tarfile.TarError as error:
        raise VerbError("failed", f"unpacking {release}: {error}") from None
    finally:
        while bounded.read(1 << 20):
            pass
    return {}


class Bounded:
    """The next ``left`` bytes of a stream."""

    def __init__(self, stream: BinaryIO, left: int) -> None:
        self.stream = stream
        self.left = left

    def read(self, size: int = -1) -> bytes:
        """So many of them, or all."""
        block = self.stream.read(self.left if size < 0 else min(size, self.left))
        self.left = self.left - len(block) if block else 0
        return block


def finish(root: str, release: str, manifest: str, fence: int, **_: object) -> dict[str, Any]:
    """Check what was copied against ``manifest`` and make it a complete release."""
    with locked(root):
        state = state_of(root)
        if fenced(state, fence):
            keep(root, state)
        partial, path = partial_dir(root, release), release_dir(root, release)
        entries = entries_of(partial)
        found = manifest_of(entries)
        if found != manifest:
            raise VerbError("failed", f"release {release} arrived damaged (manifest {found[:12]}, not {manifest[:12]})")
        host_state.checkpoint("finish:verified")
        os.rename(partial, path)
        host_state.checkpoint("finish:renamed")
        write(f"{path}.files", _recorded(path, entries))
        write(f"{path}.complete", {"manifest": manifest, "tree": tree_stamp(path)})
        host_state.checkpoint("finish:marked")
        _remember(path)
        return seen(root)


def _recorded(folder: str, entries: list[Entry]) -> dict[str, Any]:
    """What `_known_files` will read: path to kind, digest, size, time."""
    found = {}
    for path, kind, digest in entries:
        if kind in ("file", "program"):
            info = os.lstat(os.path.join(folder, path))
            found[path] = (kind, digest, info.st_size, info.st_mtime_ns)
    return found


def gc(root: str, keep: int, fence: int, protect: list[str], **_: object) -> dict[str, Any]:
    """Remove all but the newest ``keep`` releases; never current, previous or ``protect``, and no half copied one."""
    removed = []
    with locked(root):
        state = state_of(root)
        if fenced(state, fence):
            host_state.keep(root, state)
        holy = {state["current"], state["previous"], *protect}
        for release in complete(root)[keep:]:
            if release not in holy:
                drop(root, release)
                removed.append(release)
    return seen(root, removed=removed)
