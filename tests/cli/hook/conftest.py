# SPDX-License-Identifier: GPL-2.0-only
"""A git server with the hooks installed, a master that answers as told, and an engineer's clone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import pytest

from buildbot_cd.core.landing.block import ruling
from buildbot_cd.core.landing.moves import Policy
from buildbot_cd.core.landing.spans import Usual
from buildbot_cd.core.landing.values import Gate, Landing, Slot, Snapshot, State
from buildbot_cd.engine.views.pushers import pusher_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_700_000_000.0
HOLDER = Landing(
    12,
    "trunk",
    "b12",
    "h12",
    "grace@example.org",
    "Add a discount",
    State.TESTING,
    since=NOW - 120,
    queued_at=NOW - 130,
)
GATE = Gate("trunk", trunk="t", tested="t", live="t")
POLICY = Policy(blocked=True, deploys=False)
USUAL = Usual((480.0,) * 16 + (660.0,) * 4, (), ())


def queued(ident: int, engineer: str) -> Landing:
    """A landing that waits."""
    return Landing(ident, "trunk", f"b{ident}", f"h{ident}", engineer, "Something", since=NOW, queued_at=NOW)


@dataclass
class Master:
    """The gate's own rule answers, from ``gate``, ``landings`` (whoever is not queued holds the test slot) and
    ``policy``; ``raw`` is an answer in its place, ``seen`` what was asked; ``hang`` keeps it silent.
    """

    url: str = ""
    gate: Gate = GATE
    landings: tuple[Landing, ...] = ()
    policy: Policy = POLICY
    usual: Usual = USUAL
    raw: bytes | None = None
    status: int = 200
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    hang: threading.Event | None = None

    def ruling(self, path: str) -> dict[str, Any]:
        """What the data API tells of this address."""
        people, who = self.policy.people, unquote(path.rsplit("/", 1)[1])
        inside = [one for one in self.landings if one.state is not State.QUEUED]
        slots = {Slot.TEST: inside[0].id} if inside else {}
        held = {Slot.TEST: (inside[0].id, inside[0].since)} if inside else {}
        found = ruling(
            Snapshot(self.gate, slots, self.landings, {}), people.called(who), held, self.usual, self.policy, NOW
        )
        return {**pusher_row(self.gate, found, held), "who": who, "hurries": people.hurries(who), "now": NOW}

    def changes(self) -> list[dict[str, str]]:
        """What came to the change hook."""
        return [
            {key: value[0] for key, value in parse_qs(body.decode()).items()}
            for method, _, _, body in self.seen
            if method == "POST"
        ]


@pytest.fixture
def master() -> Iterator[Master]:
    """A real HTTP server that speaks like a master."""
    told = Master()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = json.dumps({"pushers": [told.ruling(self.path)], "meta": {}}).encode()
            self._answer(told.raw or answer, told.status)

        def do_POST(self) -> None:
            self._answer(told.raw or b"1 change found", 202 if told.status == 200 else told.status)

        def _answer(self, body: bytes, status: int) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            told.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            if told.hang is not None:
                told.hang.wait(30)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield told
    if told.hang is not None:
        told.hang.set()
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Server:
    """A bare repository with hooks, and a clone beside it."""

    folder: Path
    master: Master

    @property
    def bare(self) -> Path:
        """The repository that people push to."""
        return self.folder / "shop.git"

    @property
    def clone(self) -> Path:
        """The engineer's."""
        return self.folder / "clone"

    def install(self, which: str, *words: str, limit: float = 10) -> None:
        """Install the hook as docs/how-to/server-hooks.md says."""
        program = f"{sys.executable} -m buildbot_cd.cli.commands.hook"
        line = f"exec {program} {which} --master {self.master.url} --limit {limit:g} {' '.join(words)}\n"
        path = self.bare / "hooks" / which
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}")
        path.chmod(0o755)

    def git(self, *args: str, where: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """A git command in the clone, as the engineer whom ``CD_PUSHER`` names."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        own = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C.UTF-8", "CD_PUSHER": "ada"}
        people = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
        }
        return subprocess.run(
            ["git", *args],
            cwd=where or self.clone,
            env={**kept, **own, **people, **env},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=60,
        )

    def commit(self, message: str = "A change") -> str:
        """An empty commit in the clone; its sha."""
        done = self.git("commit", "--quiet", "--allow-empty", "-m", message)
        assert done.returncode == 0, done.stderr
        return self.git("rev-parse", "HEAD").stdout.strip()

    def tip(self) -> str:
        """Trunk on the server."""
        return self.git("rev-parse", "refs/heads/main", where=self.bare).stdout.strip()


@pytest.fixture
def server(tmp_path: Path, master: Master) -> Server:
    """With one commit on trunk and no hook yet."""
    made = Server(tmp_path, master)
    first = ("-c", "init.defaultBranch=main", "init", "--quiet", "--template=")
    assert made.git(*first, "--bare", str(made.bare), where=tmp_path).returncode == 0
    assert made.git(*first, str(made.clone), where=tmp_path).returncode == 0
    made.git("config", "receive.advertisePushOptions", "true", where=made.bare)
    made.git("remote", "add", "origin", str(made.bare))
    made.commit("The first")
    assert made.git("push", "--quiet", "origin", "main").returncode == 0
    return made
