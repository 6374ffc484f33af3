# SPDX-License-Identifier: GPL-2.0-only
"""Names of tests, what their marks say, and lines of JSON for whoever listens.

This file is sent to a worker under this name, and lies beside the programs that use it. Python 3.8 or later.
"""

from __future__ import annotations

import json
import os
import unicodedata
from typing import Any

WIDTH = 3000  # characters of JSON on one line of stdout: workers cut longer ones
ENCODED = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode  # made once: json.dumps makes one a call


def clean(text: str) -> str:
    """Text that UTF-8 and every database can hold."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def named(text: str) -> str:
    """A name composed as NFC and on one line, as lists of names have it: control characters are escaped."""
    text = "".join(f"\\x{ord(one):02x}" if ord(one) < 32 or ord(one) == 127 else one for one in text)
    return unicodedata.normalize("NFC", clean(text))


def cut(text: str) -> str:
    """One event as lines, in pieces if it is long; `core.wire` puts them together."""
    if len(text) <= WIDTH:
        return text + "\n"
    pieces = [text[at : at + WIDTH] for at in range(0, len(text), WIDTH)]
    return "".join("+" + piece + "\n" for piece in pieces[:-1]) + ">" + pieces[-1] + "\n"


def dumped(event: dict[str, Any]) -> str:
    """An event as JSON."""
    return ENCODED(event)


class Out:
    """Where the events go."""

    def __init__(self, name: str) -> None:
        self.pid = os.getpid()
        self.cut = name == "-"
        if self.cut:
            self.fd = os.dup(1)
            os.dup2(2, 1)
        else:
            self.fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)

    def event(self, kind: str, **fields: Any) -> None:
        """Write one event at once. A child that a test forked off and forgot must not speak here."""
        if os.getpid() != self.pid:
            return
        text = dumped(dict({"event": kind}, **fields))
        data = (cut(text) if self.cut else text + "\n").encode("ascii")
        while data:
            data = data[os.write(self.fd, data) :]


class Names:
    """Ids of tests and files, the same wherever pytest thinks that its root is."""

    def __init__(self, top: str) -> None:
        self.top = top
        self.count: dict[str, int] = {}

    def path(self, path: Any) -> str | None:
        """Relative to the top of the checkout, with slashes, composed as NFC; None for what lies outside."""
        for root, one in ((self.top, str(path)), (os.path.realpath(self.top), os.path.realpath(str(path)))):
            relative = os.path.relpath(one, root).replace(os.sep, "/")
            if relative != ".." and not relative.startswith("../"):
                return named(relative)
        return None

    def item(self, item: Any) -> tuple[str, str]:
        """(nid, path) of a test; the second one of the same name gets ``#2``."""
        file, _, inner = item.nodeid.partition("::")
        path = self.path(getattr(item, "path", None) or item.fspath) or named(file)
        nid = named(f"pytest:{path}::{inner or item.name}")
        self.count[nid] = self.count.get(nid, 0) + 1
        return (nid if self.count[nid] == 1 else f"{nid}#{self.count[nid]}"), path


def words(item: Any, mark: str) -> list[str]:
    """The names in all marks of this kind on a test; raises ValueError for what is none."""
    found: list[str] = []
    for one in item.iter_markers(mark):
        for value in one.args:
            for name in value if isinstance(value, (list, tuple, set, frozenset)) else (value,):
                if not isinstance(name, str) or not name.strip():
                    raise ValueError(f"{item.nodeid}: @pytest.mark.{mark} takes names, not {name!r}")
                found.append(named(name.strip()))
        if one.kwargs:
            raise ValueError(f"{item.nodeid}: @pytest.mark.{mark} takes names, no {next(iter(one.kwargs))}=")
    return list(dict.fromkeys(found))


def required(name: str, path: str) -> str:
    """A requirement as a file writes it: a bare name is a test of this file; what has no ``::`` is a glob of files."""
    if name.isidentifier() or name.startswith("::"):
        return f"pytest:{path}::{name.lstrip(':')}"
    return "pytest:" + name if "::" in name and not name.startswith("pytest:") else name


def described(item: Any, nid: str, path: str) -> dict[str, Any]:
    """The fields of a test event; raises ValueError where a mark makes no sense."""
    mark = item.get_closest_marker("xdist_group")
    name = None if mark is None else [*mark.args, mark.kwargs.get("name")][0]
    if mark is not None and not isinstance(name, str):
        raise ValueError(f"{item.nodeid}: @pytest.mark.xdist_group takes a name, not {name!r}")
    return {
        "nid": nid,
        "path": path,
        "line": None if item.location[1] is None else item.location[1] + 1,
        "tags": words(item, "tags"),
        "requires": [required(one, path) for one in words(item, "requires")],
        "group": None if name is None else named(name),
    }


def above(path: str) -> list[str]:
    """The folders that a path lies in, without the top."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def listed(name: str) -> list[str]:
    """The nids in the list, composed as ours are."""
    with open(0 if name == "-" else name, "rb", closefd=name != "-") as file:
        lines = file.read().decode("utf-8").split("\n")
    return [unicodedata.normalize("NFC", line.rstrip("\r")) for line in lines if line.strip()]
