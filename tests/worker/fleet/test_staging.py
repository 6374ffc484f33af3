# SPDX-License-Identifier: GPL-2.0-only
import asyncio
import io
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.worker.fleet import host
from buildbot_cd.worker.fleet.host_tree import entries_of, manifest, manifest_of
from buildbot_cd.worker.fleet.payload import Payload


def ask(root: Path, verb: str, body: bytes = b"", **arguments: Any) -> dict[str, Any]:
    """One verb, with a body behind its line."""
    stream = io.BytesIO(body + b"behind")
    told = host.answer({"verb": verb, "root": str(root), "size": len(body), **arguments}, stream)
    assert stream.read() == b"behind"  # exactly the body was taken, whatever happened
    return told


def stage(root: Path, folder: Path, release: str) -> list[str]:
    """Stage as the ssh transport does; the paths that had to be sent."""
    payload = Payload(str(folder))

    async def tar(ranges: list[list[int]]) -> bytes:
        file, size = await payload.tar(ranges)
        return os.pread(file.fileno(), size, 0)

    file, size = payload.listing()
    what: dict[str, Any] = {"release": release, "manifest": payload.manifest, "fence": 1}
    prepared = ask(root, "prepare", os.pread(file.fileno(), size, 0), **what)
    assert prepared["ok"], prepared
    if prepared["missing"]:
        assert ask(root, "unpack", asyncio.run(tar(prepared["missing"])), release=release)["ok"]
    payload.close()
    assert ask(root, "finish", **what)["ok"]
    entries = entries_of(str(folder))
    return [entries[index][0] for first, end in prepared["missing"] for index in range(first, end)]


@pytest.fixture
def root(tmp_path: Path, payload: Path) -> Path:
    """A host on r-1, which was sent as a whole."""
    assert stage(tmp_path / "host", payload, "r-1") == ["bin/shop", "data", "größe 'x'; $(y)"]
    assert ask(tmp_path / "host", "switch", release="r-1", fence=1)["ok"]
    return tmp_path / "host"


def test_only_what_differs_is_sent_and_the_rest_is_linked(root: Path, payload: Path) -> None:
    """A later build with new times, one changed and one renamed file sends only the changed one."""
    for path in payload.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    (payload / "bin" / "shop").write_text("#!/bin/sh\necho changed\n")
    (payload / "data").rename(payload / "moved")
    assert stage(root, payload, "r-2") == ["bin/shop"]
    new, old = root / "releases" / "r-2", root / "releases" / "r-1"
    assert manifest(str(new)) == manifest(str(payload))
    assert (new / "moved").stat().st_ino == (old / "data").stat().st_ino
    assert (old / "bin" / "shop").read_text() == "#!/bin/sh\n"


def test_a_file_that_was_changed_on_the_host_is_not_linked_to(root: Path, payload: Path) -> None:
    """What somebody wrote into the current release is sent again, into a file of its own."""
    (root / "current" / "data").write_bytes(b"changed by hand")
    assert stage(root, payload, "r-2") == ["data"]
    assert (root / "current" / "data").read_bytes() == b"changed by hand"


def test_a_mode_that_differs_is_another_file(root: Path, payload: Path) -> None:
    """A file that became executable is not linked to the one that was not."""
    (payload / "data").chmod(0o755)
    assert stage(root, payload, "r-2") == ["data"]
    assert os.access(root / "releases" / "r-2" / "data", os.X_OK)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("../x", "folder", "")], "outside"),
        ([("a", "link", "/etc"), ("a/passwd", "link", "x")], "'a/passwd' would be written outside"),
        ([("a", "folder", ""), ("a/..", "folder", "")], "outside"),
        ([("/etc/x", "link", "y")], "outside"),
    ],
)
def test_a_list_cannot_lead_outside(root: Path, entries: list[tuple[str, str, str]], words: str) -> None:
    """Paths that leave the release, also through a link that the list makes itself, are refused."""
    body = zlib.compress(json.dumps(entries).encode())
    told = ask(root, "prepare", body, release="r-9", manifest=manifest_of(entries), fence=1)
    assert (told["ok"], told["kind"]) == (False, "refused")
    assert words in told["error"]


def test_a_damaged_list_or_body_is_told(root: Path) -> None:
    """Bytes that are no list, or another list than announced, fail; the next request is understood."""
    assert not ask(root, "prepare", b"nonsense", release="r-9", manifest="x", fence=1)["ok"]
    body = zlib.compress(b"[]")
    assert "arrived damaged" in ask(root, "prepare", body, release="r-9", manifest="x", fence=1)["error"]
    assert ask(root, "prepare", release="r-9", manifest="x", fence=1)["ok"]
    assert "unpacking r-9" in ask(root, "unpack", b"no tar", release="r-9")["error"]


def test_a_pull_command_fills_the_release_and_is_checked(root: Path, payload: Path) -> None:
    """The command runs in the partial folder; other contents than the deploy worker has are refused."""
    what: dict[str, Any] = {"release": "r-2", "manifest": manifest(str(payload)), "fence": 1}
    assert not ask(root, "prepare", **what)["complete"]
    argv = ["cp", "-a", f"{payload}/.", "."]
    assert ask(root, "pull", release="r-2", argv=argv, timeout=5.0)["ok"]
    assert ask(root, "finish", **what)["ok"]
    what["release"] = "r-3"
    assert not ask(root, "prepare", **what)["complete"]
    failed = ask(root, "pull", release="r-3", argv=["sh", "-c", "echo no such object; exit 4"], timeout=5.0)
    assert failed["error"] == "pull sh ended with 4: no such object"
    assert "arrived damaged" in ask(root, "finish", **what)["error"]
