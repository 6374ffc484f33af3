# SPDX-License-Identifier: GPL-2.0-only
"""The demo's directory: the shop's repository, its engineers' clones, and the list of hosts.

::

    <directory>/shop.git           bare; main holds the shop, always as the same commit
    <directory>/clones/<engineer>  one clone an engineer, with his or her identity
    <directory>/fleet/<host>/      one directory a host
    <directory>/inventory.json     the hosts
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from buildbot_cd.cli.demo import inventory, patches
from buildbot_cd.errors import GitError

SHOP = Path(__file__).parent / "shop"
BRANCH = "main"
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".pytest_cache", "dist", "*.pyc")
# Files that begin with a dot would mean something to our own tools, so they wait under another name.
HIDDEN = "dot-"
GIT_SECONDS = 60.0
FOUNDER = ("The Shop", "shop@shop.example", "2026-01-05T09:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Engineer:
    """Somebody who lands changes."""

    name: str
    email: str


ENGINEERS = tuple(Engineer(name, f"{name.lower()}@shop.example") for name in ("Ada", "Grace", "Linus", "Barbara"))


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where everything of one demo is; `clones` by the engineer's name in lower case."""

    directory: Path
    repository: Path
    clones: dict[str, Path]
    inventory_file: Path
    hosts: tuple[inventory.HostEntry, ...]
    fleet: Path
    port: int


def create(
    directory: Path,
    hosts: int = 40,
    hook: list[str] | None = None,
    engineers: tuple[Engineer, ...] = ENGINEERS,
    net: int = 1,
) -> Workspace:
    """Make a new workspace in `directory`, which must not hold one yet.

    `hook` is the argv that the repository's post-receive hook runs, with git's lines on its stdin.
    """
    directory = directory.resolve()
    repository, fleet = directory / "shop.git", directory / "fleet"
    if repository.exists():
        raise GitError(f"{directory} holds a workspace already; remove it, or take another directory")
    entries = inventory.plan(hosts, net=net)
    for host in entries:
        (fleet / host.name / "releases").mkdir(parents=True, exist_ok=True)
    inventory.write(directory / "inventory.json", entries)
    create_repository(repository)
    # The founding commit is no landing: the hook comes after it.
    if hook is not None:
        install_hook(repository, "post-receive", hook)
    clones = {one.name.lower(): clone(repository, directory / "clones" / one.name.lower(), one) for one in engineers}
    port = inventory.free_port(entries)
    return Workspace(directory, repository, clones, directory / "inventory.json", entries, fleet, port)


def write_shop(tree: Path) -> None:
    """Write the shop's sources into a directory that is new."""
    shutil.copytree(SHOP, tree, ignore=LEFT_OUT)
    for path in tree.glob(f"{HIDDEN}*"):
        path.rename(path.with_name("." + path.name.removeprefix(HIDDEN)))


def create_repository(repository: Path) -> str:
    """Make the bare repository with the founding commit on main; returns its id, which is always the same."""
    repository.mkdir(parents=True)
    git(repository, "init", "--quiet", "--bare", "--object-format=sha1", f"--initial-branch={BRANCH}", ".")
    # A hooks directory named in the user's own settings must not replace this repository's.
    git(repository, "config", "core.hooksPath", str(repository / "hooks"))
    git(repository, "config", "receive.denyNonFastForwards", "true")
    git(repository, "config", "receive.denyDeletes", "true")
    tree = repository.with_name(f"{repository.name}.founding")
    write_shop(tree)
    try:
        git(tree, "init", "--quiet", "--object-format=sha1", f"--initial-branch={BRANCH}", ".")
        git(tree, "add", "--all")
        _commit(tree, FOUNDER[:2], "The shop\n", FOUNDER[2])
        git(tree, "push", "--quiet", str(repository), f"HEAD:refs/heads/{BRANCH}")
        return git(tree, "rev-parse", "HEAD").strip()
    finally:
        shutil.rmtree(tree)


def install_hook(repository: Path, name: str, argv: list[str]) -> None:
    """Let a hook of the repository run a command."""
    path = repository / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\nexec {shlex.join(argv)}\n", encoding="utf-8")
    path.chmod(0o755)


def clone(repository: Path, directory: Path, engineer: Engineer) -> Path:
    """An engineer's clone, with the identity set in it."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    git(directory.parent, "clone", "--quiet", str(repository), directory.name)
    git(directory, "config", "user.name", engineer.name)
    git(directory, "config", "user.email", engineer.email)
    return directory


def sync(tree: Path) -> str:
    """Make a clone what main is now, local work included in the loss; returns main's id."""
    git(tree, "fetch", "--quiet", "origin")
    git(tree, "checkout", "--quiet", "--force", "-B", BRANCH, f"origin/{BRANCH}")
    git(tree, "clean", "-fdq")
    return git(tree, "rev-parse", "HEAD").strip()


def commit(tree: Path, change: patches.Change) -> str:
    """Write a change into a clone and commit it; returns the commit's id. GitError when it changes nothing."""
    if not change.files:
        raise GitError(f"{tree.name}: {change.message.splitlines()[0]!r} is there already; nothing to commit")
    patches.apply(change, tree)
    git(tree, "add", "--", *sorted(change.files))
    git(tree, "commit", "--quiet", "--no-verify", "--file=-", stdin=change.message)
    return git(tree, "rev-parse", "HEAD").strip()


def push(tree: Path) -> str:
    """Push a clone's HEAD to main; returns what git and the hook said. GitError when main has moved on."""
    return git(tree, "push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}")


def rebase(tree: Path) -> str:
    """Put a clone's commits on top of main; returns the new HEAD's id."""
    git(tree, "pull", "--quiet", "--rebase", "origin", BRANCH)
    return git(tree, "rev-parse", "HEAD").strip()


def trunk_tree(repository: Path) -> str:
    """The id of the tree that main holds: the same id means the same content, whatever the history."""
    return git(repository, "rev-parse", f"refs/heads/{BRANCH}^{{tree}}").strip()


def _commit(tree: Path, who: tuple[str, str], message: str, when: str) -> None:
    name, email = who
    values = {"NAME": name, "EMAIL": email, "DATE": when}
    settings = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in values.items()}
    git(tree, "commit", "--quiet", "--no-verify", "--file=-", stdin=message, settings=settings)


def git(directory: Path, *arguments: str, stdin: str = "", settings: dict[str, str] | None = None) -> str:
    """Run git in a directory, untouched by the user's own settings; returns its stdout and stderr together.

    GitError carries git's words.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=directory,
            env={**kept, **own, **(settings or {})},
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(f"git {arguments[0]} in {directory} did not run: {error}") from error
    if done.returncode != 0:
        raise GitError(f"git {arguments[0]} in {directory} failed: {done.stdout.strip()}")
    return done.stdout
