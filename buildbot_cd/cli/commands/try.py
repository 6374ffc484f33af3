# SPDX-License-Identifier: GPL-2.0-only
# ruff: noqa: N999 - a command's module has its name
"""``buildbot-cd try``: show what would run for the change in this checkout, then let stock ``buildbot try`` send it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from buildbot_cd.cli.patch import Patch, patch_of
from buildbot_cd.cli.sandbox import Sandbox, options
from buildbot_cd.config.selecting import path_rules, test_rules
from buildbot_cd.core.selection import Change, Mode, Selection, select, with_rules
from buildbot_cd.core.selection.trailers import declared
from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from buildbot_cd.config import RepositoryConfig

HELP = "show what would run for the change in this checkout, then send it with buildbot try (exit 1: it failed)"

CLIENT = """\
import json, sys
sys.argv = json.loads(sys.stdin.readline())
from buildbot.scripts.runner import run
run()
"""
"""Stock Buildbot's client. Its arguments come on stdin: a password must not stand in the list of processes."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    options(parser)
    parser.add_argument("--base", help="the revision before the change (where the branch left its upstream, else HEAD)")
    parser.add_argument("--tags", default="", help="tags of the change, beside those of its commits' trailers: a,b")
    parser.add_argument("--builder", default="cd-try", help="the builder that tries (%(default)s)")
    parser.add_argument("--master", metavar="HOST:PORT", help="the try scheduler (as .buildbot/options says)")
    parser.add_argument("--username", help="who tries (as .buildbot/options says)")
    parser.add_argument("--password-file", type=Path, help="a file with the password (as .buildbot/options says)")
    parser.add_argument("--branch", help="the branch that the patch is for (the one that this one tracks)")
    parser.add_argument("--no-wait", action="store_true", help="do not wait for the answer")
    parser.add_argument("--dry-run", action="store_true", help="only show what would run")
    parser.add_argument("--json", action="store_true", help="show it as JSON; with --dry-run nothing else is printed")
    parser.add_argument("more", nargs="*", metavar="OPTION", help="behind --: more options of buildbot try")


def run(given: argparse.Namespace) -> int:
    """The exit status of stock ``buildbot try``; 1 without sending if a tag must be declared before."""
    sandbox = Sandbox.of(given)
    repository = sandbox.repository()
    patch = patch_of(sandbox.top, given.base)
    change = sandbox.change(patch.base, given.tags)
    selection = _selected(sandbox, repository, change)
    shown = json.dumps(selection.to_json(), indent=1) if given.json else selection.text().partition("\nleft out (")[0]
    print(shown, flush=True)
    if selection.missing_tags and Mode(repository.missing_tags) is Mode.BLOCK:
        return 1
    return 0 if given.dry_run else _send(given, sandbox.top, patch, change)


def _told_where(given: argparse.Namespace, top: Path) -> None:
    """Raises CdError where stock Buildbot would not know which master tries the change."""
    places = [one / ".buildbot" / "options" for one in (top, *top.parents, Path.home())]
    if given.master is None and not given.more and not any(place.is_file() for place in places):
        raise CdError(
            "which master tries it? Name it with --master HOST:PORT, --username and --password-file, or write"
            f" try_connect = 'pb', try_master, try_username and try_password into {places[0]}"
        )


def _selected(sandbox: Sandbox, repository: RepositoryConfig, change: Change) -> Selection:
    """What would run. A tag that there is not would run everything on the master: here it is an error."""
    tests = with_rules(sandbox.collect(repository), test_rules(repository))
    mode = Mode(repository.missing_tags)
    found = select(tests, path_rules(repository), change, tuple(repository.tags), mode)
    if found.unknown_tags:
        raise CdError("; ".join(str(one) for one in found.unknown_tags))
    return found


def _send(given: argparse.Namespace, top: Path, patch: Patch, change: Change) -> int:
    tags = dict.fromkeys((*declared(change.messages).tags, *change.tags))
    properties = {"tags": ",".join(tags), "cd_comment": "\n\n".join(change.messages)}
    with tempfile.NamedTemporaryFile(suffix=".patch") as file:
        file.write(patch.body)
        file.flush()
        argv = ["buildbot", "try", f"--diff={file.name}", "--patchlevel=1", f"--baserev={patch.base}"]
        # Without a repository the master stumbles, and the client waits for ever; the builder knows its own.
        argv += ["--repository=", f"--builder={given.builder}"] + ([] if given.no_wait else ["--wait"])
        argv += [f"--property={name}={value}" for name, value in properties.items() if value]
        argv += _connection(given)
        _told_where(given, top)
        if given.branch or patch.branch:
            argv.append(f"--branch={given.branch or patch.branch}")
        call = [sys.executable, "-c", CLIENT]
        done = subprocess.run(call, cwd=top, input=json.dumps([*argv, *given.more]) + "\n", text=True, check=False)
    return done.returncode


def _connection(given: argparse.Namespace) -> list[str]:
    """How to reach the master; what is not told here stock Buildbot reads from ``.buildbot/options``."""
    found = ["--connect=pb", f"--master={given.master}"] if given.master else []
    found += [f"--username={given.username}"] if given.username else []
    if given.password_file is not None:
        try:
            found.append(f"--passwd={given.password_file.read_text('utf-8').strip()}")
        except (OSError, ValueError) as error:
            raise CdError(f"--password-file {given.password_file}: {error}") from error
    return found
