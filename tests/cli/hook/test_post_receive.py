# SPDX-License-Identifier: GPL-2.0-only
"""The word to the master after a push, and the hooks over ssh."""

from __future__ import annotations

import getpass
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.testing.sshd import missing
from tests.cli.hook.conftest import HOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.hook.conftest import Master, Server


def test_the_master_hears_of_a_push(server: Server, master: Master) -> None:
    """One change with tip, branch, repository, and as properties who pushed, with what options, from where."""
    server.install("post-receive")
    old = server.tip()
    sha = server.commit("Add a discount")
    done = server.git("push", "-o", "cd.emergency=INC-7", "-o", "x", "origin", "main", CD_PUSHER="ada@example.org")
    assert done.returncode == 0
    (change,) = master.changes()
    properties = json.loads(change.pop("properties"))
    assert change == {
        "revision": sha,
        "branch": "main",
        "author": "Ada <ada@example.org>",
        "comments": "Add a discount",
        "repository": "shop.git",
    }
    assert properties == {
        "cd_pusher": "ada@example.org",
        "cd_push_options": ["cd.emergency=INC-7", "x"],
        "cd_base": old,
    }
    assert [path for _, path, _, _ in master.seen] == ["/change_hook/base"]


def test_the_pusher_is_whom_the_server_knows(server: Server, master: Master) -> None:
    """What the commit claims is not the push identity; without any variable the server's account is."""
    server.install("post-receive", "--identity", "NOT_SET,REMOTE_USER")
    server.commit()
    server.git("push", "origin", "main", REMOTE_USER="grace")
    server.commit()
    server.git("push", "origin", "main", REMOTE_USER="")
    told = [json.loads(change["properties"])["cd_pusher"] for change in master.changes()]
    assert told == ["grace", getpass.getuser()]


def test_other_branches_and_deletions_are_no_news(server: Server, master: Master) -> None:
    """The gate watches trunk alone."""
    server.install("post-receive")
    server.commit()
    server.git("push", "origin", "HEAD:refs/heads/topic")
    server.git("push", "origin", ":refs/heads/topic")
    assert master.seen == []


@pytest.mark.parametrize("status", [403, 500])
def test_a_master_that_refuses_costs_nothing(server: Server, master: Master, status: int) -> None:
    """The push stands, and a line says that the gate will see it later."""
    master.status = status
    server.install("post-receive")
    sha = server.commit()
    done = server.git("push", "origin", "main")
    assert done.returncode == 0
    assert server.tip() == sha
    assert "the gate will see the push at its next look" in done.stderr


def test_a_master_that_hangs_is_left(server: Server, master: Master) -> None:
    """After the limit the push ends."""
    master.hang = threading.Event()
    server.install("post-receive", limit=1)
    server.commit()
    done = server.git("push", "origin", "main")
    assert done.returncode == 0
    assert "did not answer" in done.stderr


HOSTILE = [
    "$(touch /tmp/owned); `id`",
    "'; DROP TABLE changes; --",
    "<script>alert(1)</script>",
    "a&revision=evil&b=%00",
    "\x1b[31m",
    "y" * 200_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_messages_and_options_stay_in_their_fields(server: Server, master: Master, text: str) -> None:
    """A message cannot add a field to the request, and what is too long is cut."""
    server.install("post-receive")
    (server.folder / "message").write_text(text)
    server.git("commit", "--quiet", "--allow-empty", "-F", str(server.folder / "message"))
    sha = server.git("rev-parse", "HEAD").stdout.strip()
    option = text.replace("\x1b", "")[:500]
    assert server.git("push", "-o", option, "origin", "main", CD_PUSHER=option).returncode == 0
    (change,) = master.changes()
    assert change["revision"] == sha
    assert set(change) == {"revision", "branch", "author", "comments", "repository", "properties"}
    assert len(change["comments"]) <= 200
    assert json.loads(change["properties"])["cd_push_options"] == [option]


def test_bytes_that_are_no_utf8(server: Server, master: Master) -> None:
    """Message and branch with stray bytes do no harm."""
    server.install("post-receive")
    tree, parent = (server.git("rev-parse", name).stdout.strip() for name in ("HEAD^{tree}", "HEAD"))
    who = "Ada <ada@example.org> 1700000000 +0000"
    text = f"tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n\n".encode() + b"caf\xe9 \xff"
    argv = ["git", "hash-object", "-w", "-t", "commit", "--stdin"]
    raw = subprocess.run(argv, input=text, cwd=server.clone, capture_output=True, check=True).stdout.strip()
    done = server.git("push", "origin", f"{raw.decode()}:refs/heads/main")
    assert done.returncode == 0, done.stderr
    assert master.changes()[0]["comments"] == "caf\ufffd \ufffd"


# -- plain git over ssh

_SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A server in which each key says whose it is, as docs/how-to/server-hooks.md has it: port and keys' folder."""
    if reason := missing():
        pytest.skip(reason)
    folder = tmp_path / "ssh"
    folder.mkdir()
    lines = []
    for name in ("host", "ada", "grace"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    for name in ("ada", "grace"):
        command = f'CD_PUSHER={name}@example.org exec git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"'
        lines.append(f'restrict,command="{command}" {(folder / f"{name}.pub").read_text()}')
    (folder / "authorized_keys").write_text("".join(lines))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "config").write_text(_SSHD.format(port=port, folder=folder))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    running = subprocess.Popen([str(program), "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 15
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    yield port, folder
    running.terminate()
    running.wait(10)


@pytest.mark.sshd
def test_plain_git_over_ssh(server: Server, master: Master, ssh: tuple[int, Path]) -> None:
    """Each engineer's key is the push identity, for both hooks and with push options; nobody can claim another one."""
    port, keys = ssh
    server.install("pre-receive")
    server.install("post-receive")
    sha = server.commit()
    master.landings = (HOLDER,)

    def push(who: str) -> subprocess.CompletedProcess[str]:
        words = ["ssh", "-p", str(port), "-i", str(keys / who), "-o", "IdentitiesOnly=yes", "-F", "/dev/null"]
        words += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "SendEnv=CD_PUSHER"]
        url = f"ssh://{getpass.getuser()}@127.0.0.1{server.bare}"
        env = {"GIT_SSH_COMMAND": shlex.join(words), "CD_PUSHER": "grace@example.org"}
        return server.git("push", "-o", "cd.note=1", url, "main", **env)

    refused = push("ada")
    assert refused.returncode != 0
    assert "grace@example.org has landing 12 in testing" in refused.stderr
    accepted = push("grace")
    assert accepted.returncode == 0, accepted.stderr
    assert server.tip() == sha
    told = json.loads(master.changes()[0]["properties"])
    assert (told["cd_pusher"], told["cd_push_options"]) == ("grace@example.org", ["cd.note=1"])


def test_the_hook_imports_little() -> None:
    """People wait for it: neither Buildbot nor Twisted, SQL, YAML or asyncio is read."""
    code = (
        "import sys, io; sys.stdin = io.TextIOWrapper(io.BytesIO(b''));"
        "from buildbot_cd.cli.main import main;"
        "code = main(['hook', 'pre-receive', '--master', 'http://127.0.0.1:9/']);"
        "heavy = {'buildbot', 'twisted', 'sqlalchemy', 'yaml', 'pydantic', 'asyncio', 'treq'} & set(sys.modules);"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
