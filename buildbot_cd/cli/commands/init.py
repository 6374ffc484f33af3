# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd init``: continuous deployment for a master that exists, after at most five questions."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from buildbot_cd.errors import ConfigError

HELP = "write cd.yaml for an existing master, and a first .buildbot-cd.yaml for its repository"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments; each answers a question beforehand."""
    parser.add_argument("master", type=Path, help="the master's folder, with its master.cfg")
    parser.add_argument("--repository", help="where trunk is (default: what the master's poller watches)")
    parser.add_argument("--branch", help="trunk's name (default: as above)")
    parser.add_argument("--git-worker", metavar="NAME", help="the worker that may push to trunk")
    parser.add_argument(
        "--builder", metavar="NAME", action="append", help="a builder that a push must pass; repeatable"
    )
    parser.add_argument("--pytest-workers", metavar="NAMES", help="workers that share a pytest suite, with commas")
    parser.add_argument("--hosts", metavar="NAMES", help="hosts to deploy to, with commas")
    parser.add_argument("--root", metavar="DIR", default="/srv/app", help="where releases lie on a host (%(default)s)")
    parser.add_argument("--ssh-user", metavar="NAME", help="who logs in to the hosts (the deploy worker's own account)")
    parser.add_argument("--python", metavar="PROGRAM", help="the git worker's Python that has buildbot_cd (python3)")
    parser.add_argument("--author", help="who signs reverts, as `Name <mail>`")
    parser.add_argument(
        "--no-shadow", action="store_true", help="revert and deploy from the beginning, not only decide"
    )
    parser.add_argument("--checkout", type=Path, metavar="DIR", help="a clone, which gets a first .buildbot-cd.yaml")
    parser.add_argument("--yes", action="store_true", help="ask nothing: take what the master's configuration suggests")
    parser.add_argument("--json", action="store_true", help="print which files were written, and what is next, as JSON")
    parser.add_argument("--force", action="store_true", help="replace files that are there already")


def run(given: argparse.Namespace) -> int:
    """0 when all files are written; nothing is written if anything is wrong."""
    from buildbot_cd.cli.setup import files
    from buildbot_cd.cli.setup.answers import answers
    from buildbot_cd.cli.setup.facts import read_facts

    facts = read_facts(given.master)
    asks = sys.stdin.isatty() and not given.yes
    found = answers(facts, given, _ask if asks else None)
    place = files.Place(given.root, given.ssh_user, given.python)
    wanted = {given.master / "cd.yaml": files.cd_yaml(found, place, shadow=not given.no_shadow)}
    if given.checkout is not None:
        wanted[given.checkout / files.MAP] = files.repository_map(given.checkout)
    there = [str(path) for path in wanted if path.exists()]
    if there and not given.force:
        raise ConfigError(f"{' and '.join(there)} is there already: look at it, and use --force to replace it")
    before = facts.config.read_text("utf-8")
    after = files.with_lines(before)
    wanted |= {} if after == before else {facts.config: after}
    for path, text in wanted.items():
        files.write(path, text)
    following = [f"buildbot reconfig {given.master} (start, if it does not run)", f"buildbot-cd doctor {given.master}"]
    if given.json:
        print(json.dumps({"wrote": [str(path) for path in wanted], "next": following}, indent=1))
    else:
        print("\n".join([*(f"wrote {path}" for path in wanted), f"next: {', then '.join(following)}"]))
        if not given.no_shadow:
            print(f"it decides and tells, but changes nothing until `shadow` is out of {given.master / 'cd.yaml'}")
    return 0


def _ask(question: str) -> str:
    """A person's answer; stdout is for what was done."""
    print(question, end="", file=sys.stderr, flush=True)
    return input()
