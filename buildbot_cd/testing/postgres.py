# SPDX-License-Identifier: GPL-2.0-only
"""A private PostgreSQL for tests: a fresh cluster in a temporary folder, on a Unix socket only, gone at the end."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator

# Commits stay synchronous, which without fsync costs nothing: `restart` would otherwise take back what was committed.
_FAST = ("fsync=off", "full_page_writes=off", "listen_addresses=", "shared_buffers=16MB")
_LIMIT = 60.0


class PostgresMissing(Exception):
    """PostgreSQL cannot be started here; the text says why."""


@contextmanager
def private_postgres() -> Iterator[str]:
    """Start a cluster and give the SQLAlchemy URL of its empty database; stop it and remove it afterwards.

    Raises PostgresMissing if this machine has no PostgreSQL, or runs as root without an unprivileged account for it.
    """
    programs, prefix, owner = _programs(), *_unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="cd-pg-", dir="/tmp"))
    try:
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = folder / "data"
        _call([*prefix, str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "cd", "-E", "UTF8", "-N"])
        settings = " ".join(f"-c {one}" for one in (*_FAST, f"unix_socket_directories={folder}"))
        control = [*prefix, str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", "50"]
        _call([*control, "-o", settings, "-l", str(folder / "log"), "start"])
        try:
            yield f"postgresql+psycopg2://cd@/postgres?host={folder}"
        finally:
            _call([*control, "-m", "immediate", "stop"])  # by the pid that the cluster's own file holds
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def restart(url: str) -> None:
    """Restart the cluster of ``url`` as after a power cut: every connection breaks, and the log is replayed."""
    folder = Path(str(sa.make_url(url).query["host"]))
    programs, prefix, _ = _programs(), *_unprivileged()
    control = [*prefix, str(programs / "pg_ctl"), "-D", str(folder / "data"), "-w", "-t", "50"]
    _call([*control, "-m", "immediate", "-l", str(folder / "log"), "restart"])


def new_database(url: str) -> str:
    """Make one more database on the cluster of ``url``; gives its URL."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    name = f"cd_{secrets.token_hex(6)}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_major)
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise PostgresMissing("PostgreSQL's programs are not installed (Debian: apt-get install postgresql)")
    return Path(on_path).resolve().parent


def _major(program: Path) -> float:
    name = program.parent.parent.name
    return float(name) if name.replace(".", "", 1).isdigit() else 0.0


def _unprivileged() -> tuple[list[str], pwd.struct_passwd | None]:
    """How to start programs as somebody who is not root: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return [], None
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        if shutil.which("runuser"):
            return ["runuser", "-u", name, "--"], account
    raise PostgresMissing("PostgreSQL does not run as root, and there is no runuser or no account postgres or nobody")


def _call(command: list[str]) -> None:
    # Output goes to a file: the server inherits it, and a pipe would stay open as long as the server lives.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/", timeout=_LIMIT, check=False
        )
        if done.returncode != 0:
            output.seek(0)
            said = output.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {said}")
