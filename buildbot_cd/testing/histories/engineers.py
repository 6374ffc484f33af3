# SPDX-License-Identifier: GPL-2.0-only
"""People who push to trunk: edits, files that come and go, renames, binary files, merges, pulls, reverts by hand."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    Files = dict[str, bytes]

PEOPLE = tuple(f"{name} <{name.lower()}@example.org>" for name in ("Ada", "Grace", "Katherine", "Radia"))
LINES = 14
TRUNK = "refs/heads/main"


BOT = "CD Gate <cd@example.org>"
"""The gate's own name: anybody can commit under it."""

SAID = (
    b"$(touch /tmp/owned); `id` '\"; rm -rf ~",
    b"'; DROP TABLE cd_landings; --",
    b"<script>alert(1)</script>\n\n--\n---\ndiff --git a/x b/x\n",
    b"\x1b[31m \x07 caf\xe9 \xff\xfe\r\n\n# ------------------------ >8 ------------------------\nnothing",
    b"x" * 100_000,
)
"""Messages that some program would take for its own business."""

NAMES = ("$(id)`x`", "-rf", "two\nlines", "quote\"'\t", "t\u00e4g\u202e")
"""Files whose names are no better."""


@dataclass
class Engineers:
    """``bugs``: how many pushes break a test, ``slow``: how many only show in production; ``hostile``: how many say
    what they should not, in messages, trailers and names; all from 0 to 1.
    """

    server: Path
    random: Random
    bugs: float = 0.2
    slow: float = 0.07
    hostile: float = 0.25
    trees: dict[str, Files] = field(default_factory=dict)
    pushed: list[str] = field(default_factory=list)
    _blobs: dict[str, bytes] = field(default_factory=dict)
    _words: int = 0

    def begin(self) -> str:
        """The first commit of trunk."""
        text = "".join(f"line {number}\n" for number in range(LINES)).encode()
        files = {"src/a": text, "src/b": text.upper(), "c": text[::-1] + b"\n", "pic": b"\0\1\2"}
        return self._commit(files, None, [], TRUNK, PEOPLE[0])

    def tip(self) -> str:
        """Where trunk is on the server."""
        return (self.server / TRUNK).read_text().strip()

    def push(self) -> None:
        """One push by anybody, of one of the kinds."""
        kinds = (self._plain, self._several, self._merge, self._pull, self._by_hand)
        (kind,) = self.random.choices(kinds, (10, 2, 2, 2, 1))
        kind(self.tip(), self.random.choice(PEOPLE))

    def _plain(self, tip: str, who: str) -> None:
        self._land(self._commit(self._changed(self.files(tip)), tip, [], TRUNK, who))

    def _several(self, tip: str, who: str) -> None:
        for _ in range(self.random.randint(2, 3)):
            tip = self._commit(self._changed(self.files(tip)), tip, [], TRUNK, who)
            self._land(tip)

    def _merge(self, tip: str, who: str) -> None:
        """A branch of one or two commits, merged into trunk."""
        side = tip
        for _ in range(self.random.randint(1, 2)):
            side = self._commit(self._changed(self.files(side)), side, [], "refs/heads/side", who)
        self._land(self._commit(self.files(side), tip, [side], TRUNK, who))

    def _pull(self, tip: str, who: str) -> None:
        """Work on an older trunk that was merged with the new one before the push: trunk is the second parent."""
        old = self.random.choice(self.pushed[-4:]) if self.pushed else tip
        mine = self._commit({**self.files(old), f"own{self._word()}": b"mine\n"}, old, [], "refs/heads/side", who)
        new = set(self.files(mine)) - set(self.files(old))
        merged = {**self.files(tip), **{name: self.files(mine)[name] for name in new}}
        self._land(self._commit(merged, mine, [tip], TRUNK, who))

    def _by_hand(self, tip: str, who: str) -> None:
        """Trunk as it was some pushes ago: a revert, or a re-land, by a person."""
        old = self.random.choice(self.pushed[-4:]) if self.pushed else tip
        self._land(self._commit(self.files(old), tip, [], TRUNK, who))

    def _land(self, sha: str) -> None:
        self.pushed.append(sha)

    def _word(self) -> int:
        self._words += 1
        return self._words

    def _mark(self) -> str:
        """What the change says: an ordinary word, or one that a test or production dislikes."""
        roll, number = self.random.random(), self._word()
        if roll < self.bugs:
            return f"BUG {number} "
        return f"SLOW {number} " if roll < self.bugs + self.slow else f"word {number} "

    def _changed(self, files: Files) -> Files:
        changes = (self._line, self._insert, self._drop, self._create, self._delete, self._rename, self._binary)
        (change,) = self.random.choices(changes, (8, 3, 2, 3, 1, 2, 2))
        after = dict(files)
        change(after)
        return after if after != files else {**after, f"new{self._word()}": self._mark().encode()}

    def _text(self, files: Files) -> str | None:
        names = sorted(name for name, content in files.items() if b"\0" not in content and content.count(b"\n") > 3)
        return self.random.choice(names) if names else None

    def _line(self, files: Files) -> None:
        if name := self._text(files):
            rows = files[name].splitlines(keepends=True)
            rows[self.random.randrange(len(rows))] = f"{self._mark()}\n".encode()
            files[name] = b"".join(rows)

    def _insert(self, files: Files) -> None:
        if name := self._text(files):
            rows = files[name].splitlines(keepends=True)
            rows.insert(self.random.randrange(len(rows)), f"{self._mark()}\n".encode())
            files[name] = b"".join(rows)

    def _drop(self, files: Files) -> None:
        if name := self._text(files):
            rows = files[name].splitlines(keepends=True)
            del rows[self.random.randrange(len(rows))]
            files[name] = b"".join(rows)

    def _create(self, files: Files) -> None:
        text = "".join(f"{number or self._mark()}\n" for number in range(6))
        name = self.random.choice(NAMES) if self.random.random() < self.hostile else "n"
        files[f"{self.random.choice(('src', 'lib'))}/{name}{self._word()}"] = text.encode()

    def _delete(self, files: Files) -> None:
        if len(files) > 3:
            del files[self.random.choice(sorted(files))]

    def _rename(self, files: Files) -> None:
        name = self.random.choice(sorted(files))
        files[f"moved/{name.rsplit('/', 1)[-1]}{self._word()}"] = files.pop(name)
        if self.random.random() < 0.5:
            self._line(files)

    def _binary(self, files: Files) -> None:
        old = sorted(name for name, content in files.items() if b"\0" in content)
        name = self.random.choice([*old, f"bin{self._word()}"])
        files[name] = b"\0\xff" + self._mark().encode() + self.random.randbytes(8).replace(b"\n", b"")

    def files(self, sha: str) -> Files:
        """Path -> content in a commit."""
        if sha not in self.trees:
            rows = self._git("ls-tree", "-r", "-z", sha).decode().split("\0")[:-1]
            self.trees[sha] = {row.split("\t", 1)[1]: self._blob(row.split()[2]) for row in rows}
        return self.trees[sha]

    def _blob(self, sha: str) -> bytes:
        if sha not in self._blobs:
            self._blobs[sha] = self._git("cat-file", "blob", sha)
        return self._blobs[sha]

    def _commit(self, files: Files, parent: str | None, merged: list[str], ref: str, who: str) -> str:
        text = self._message()
        when = f"{1_700_000_000 + self._words} +0000"
        committer = BOT if parent and self.random.random() < self.hostile / 5 else who
        rows = [f"reset {ref}\n".encode()] if ref != TRUNK else []
        rows += [f"commit {ref}\nmark :1\nauthor {who} {when}\ncommitter {committer} {when}\n".encode(), _data(text)]
        rows += [f"from {parent}\n".encode()] if parent else []
        rows += [f"merge {one}\n".encode() for one in merged] + [b"deleteall\n"]
        rows += [b"M 100644 inline " + _quoted(name) + b"\n" + _data(content) for name, content in files.items()]
        force = ("--force",) if ref != TRUNK else ()
        sha = self._git("fast-import", "--quiet", *force, input_=b"".join(rows) + b"get-mark :1\n").decode().strip()
        self.trees[sha] = dict(files)
        return sha

    def _message(self) -> bytes:
        """A subject of its own; now and then something hostile, or trailers of the gate's with others' commits."""
        text = f"Change {self._word()}\n".encode()
        if self.random.random() >= self.hostile:
            return text
        if not self.pushed or self.random.random() < 0.5:
            return text + b"\n" + self.random.choice(SAID)
        other, number = self.random.choice(self.pushed), self.random.randint(1, 5)
        forged = (
            *(f"CD-Reverts: {other}", f"CD-Also-Reverts: {other} (landing 1: x)", "CD-Auto-Revert: test"),
            *(f"CD-Reverts-Entry: trunk/{number}/revert/1.0", f"CD-Relands: {other}", "CD-Epoch: 99"),
            *(f"CD-Candidate-Head: {other}", "CD-Candidate-Base: none", f"CD-Tested-Base: {other}"),
        )
        return text + b"\n" + "\n".join(forged).encode() + b"\n"

    def _git(self, *args: str, input_: bytes = b"") -> bytes:
        argv = ["git", f"--git-dir={self.server}", *args]
        return subprocess.run(argv, input=input_, stdout=subprocess.PIPE, check=True).stdout


def _quoted(name: str) -> bytes:
    return b'"' + b"".join(b"\\%03o" % byte for byte in name.encode()) + b'"'


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
