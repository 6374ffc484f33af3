# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd hook``: what a git server runs around a push. Only what is needed is imported: people wait for it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from buildbot_cd.cli.hook.master import LIMIT
from buildbot_cd.cli.hook.push import Push
from buildbot_cd.cli.hook.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP = "run by a git server: refuse a push while trunk is blocked (pre-receive), tell the master (post-receive)"

IDENTITY = ("CD_PUSHER", "REMOTE_USER", "GL_USERNAME", "GL_USER", "GITEA_PUSHER_NAME")
"""Variables that say who pushes: ours, git's smart HTTP, GitLab, Gitolite, Gitea. The first that is set counts."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("which", choices=("pre-receive", "post-receive"), help="the hook that git runs")
    parser.add_argument("--master", required=True, metavar="URL", help="address of the master's pages")
    parser.add_argument("--branch", default="main", help="trunk (default: main)")
    parser.add_argument("--gate", default="trunk", help="name of the gate (default: trunk)")
    parser.add_argument("--token-file", metavar="FILE", help="file with user:password, or with a bearer token")
    parser.add_argument("--limit", type=_seconds, default=LIMIT, metavar="SECONDS", help=f"in all (default: {LIMIT:g})")
    parser.add_argument(
        "--fail",
        choices=("open", "closed", "last"),
        default="last",
        help="if the master does not answer: accept, refuse, or refuse only if the gate was last seen frozen or halted",
    )
    parser.add_argument("--bot", default="", metavar="NAMES", help="push identities of the gate itself, with commas")
    parser.add_argument("--emergency", default="", metavar="NAMES", help="who may push with -o cd.emergency=WHY")
    parser.add_argument(
        "--identity", default=",".join(IDENTITY), metavar="VARIABLES", help="where the push identity is, with commas"
    )
    parser.add_argument(
        "--repository", default="", metavar="NAME", help="name told to the master (default: the folder's)"
    )


def run(given: argparse.Namespace) -> int:
    """Do it; git refuses the push on 1."""
    settings = Settings(
        master=given.master.rstrip("/"),
        branch=given.branch.removeprefix("refs/heads/"),
        gate=given.gate,
        token_file=given.token_file,
        limit=given.limit,
        fail=given.fail,
        bots=_names(given.bot),
        emergency=_names(given.emergency),
        repository=given.repository,
    )
    push = Push.read(sys.stdin.buffer.read(), given.identity.split(","))
    if given.which == "pre-receive":
        from buildbot_cd.cli.hook.pre import pre_receive  # only one of the two is needed, and people wait

        return pre_receive(push, settings)
    from buildbot_cd.cli.hook.post import post_receive

    return post_receive(push, settings)


def _names(text: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 60:
        raise argparse.ArgumentTypeError("has to be from 0.1 to 60 seconds")
    return value


def main(words: Sequence[str]) -> int:
    """The command alone, for ``python -m buildbot_cd.cli.commands.hook``: it starts faster than the whole program."""
    parser = argparse.ArgumentParser(prog="buildbot-cd hook", description=HELP)
    arguments(parser)
    return run(parser.parse_args(words))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
