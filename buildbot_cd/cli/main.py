# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd``: finds the command and runs it. Only the module of the command in question is imported to run it."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from typing import TYPE_CHECKING, Protocol

import buildbot_cd
from buildbot_cd.cli import commands
from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
"""Exit status after Ctrl-C or Ctrl-D, as shells have it for the former."""


class Command(Protocol):
    """What a module in ``cli/commands`` is."""

    HELP: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own arguments."""

    def run(self, given: argparse.Namespace) -> int:
        """Do it; gives the exit status."""


def names() -> list[str]:
    """The commands that there are."""
    return sorted(one.name.replace("_", "-") for one in pkgutil.iter_modules(commands.__path__))


def command(name: str) -> Command:
    """The module of a command."""
    module: Command = importlib.import_module(f"{commands.__name__}.{name.replace('-', '_')}")
    return module


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser; with ``only`` the one command in it that is to be run."""
    top = argparse.ArgumentParser(
        prog="buildbot-cd",
        description="Continuous deployment for a Buildbot master.",
        epilog="`buildbot-cd COMMAND --help` tells more. Exit status: 0 done, or yes; 1 it did not work, or no; "
        "2 wrong use.",
        formatter_class=_Wide,
    )
    top.add_argument("--version", action="version", version=f"buildbot-cd {buildbot_cd.__version__}")
    below = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in names() if only is None else [only]:
        one = command(name)
        own = below.add_parser(name, help=one.HELP, description=one.HELP)
        one.arguments(own)
        own.set_defaults(run=one.run, usage=own.error)
    return top


class _Wide(argparse.HelpFormatter):
    """Each command's name and its help begin on one line, however long the name is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=18)
        self._action_max_length = 16  # argparse forgets by how much it indents the commands themselves


def _no_command(word: str) -> str:
    from buildbot_cd.core.selection.nearest import nearest

    near = nearest(word, names())
    return f"there is no command {word!r}" + (
        f", did you mean {near!r}?" if near else "; `buildbot-cd --help` tells which there are"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    known = words[0] if words and words[0] in names() else None
    top = parser(known)
    if known is None and words and not words[0].startswith("-"):
        top.error(_no_command(words[0]))
    given, unknown = top.parse_known_args(words)
    if unknown:
        given.usage(f"does not take {' '.join(unknown)}")
    try:
        return int(given.run(given))
    except CdError as error:
        print(f"buildbot-cd {given.command}: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):  # EOFError: a question was answered with the end of the input
        return INTERRUPTED
    except BrokenPipeError:  # `buildbot-cd status | head`
        sys.stderr.close()
        return 1
    except OSError as error:  # a file that cannot be written, a program that is not there
        place = f"{error.filename}: " if error.filename else ""
        print(f"buildbot-cd {given.command}: {place}{error.strerror or error}", file=sys.stderr)
        return 1
