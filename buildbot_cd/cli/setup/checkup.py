# SPDX-License-Identifier: GPL-2.0-only
"""What `doctor` looks at: each part says whether it can do its job from here, and what to do if not."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildbot_cd.cli.asking.client import Client, Unreachable
from buildbot_cd.cli.setup.files import LINES
from buildbot_cd.config.master import load_master
from buildbot_cd.core.wire import Joiner
from buildbot_cd.engine.fleet_plan import read_hosts
from buildbot_cd.engine.fleet_request import settings_of
from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from buildbot_cd.cli.setup.facts import Facts
    from buildbot_cd.config.master import MasterConfig
    from buildbot_cd.core.rollout.hosts import Host

SECONDS = 60.0
SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """``ok`` is None for what cannot be seen from here; ``remedy`` says what to do."""

    part: str
    ok: bool | None
    text: str
    remedy: str = ""


def examine(facts: Facts, file: Path, parts: frozenset[str]) -> Iterator[Finding]:
    """Findings, part by part, as they are made."""
    if not file.exists():
        remedy = f"buildbot-cd init {facts.folder} writes it; one that lies elsewhere is named with --config"
        yield Finding("config", ok=False, text=f"there is no {file}", remedy=remedy)
        return
    try:
        config = load_master(file)
    except CdError as error:
        remedy = f"mend {file}; docs/reference/configuration.md has every key"
        yield Finding("config", ok=False, text=str(error), remedy=remedy)
        return
    yield Finding("config", ok=True, text=f"{file} can be used")
    if "master" in parts:
        yield from _master(facts, config)
    if "git" in parts and config.git is not None:
        yield _push_right(config)
    if "hosts" in parts and config.fleet is not None:
        yield from _hosts(config, file.parent)


def _master(facts: Facts, config: MasterConfig) -> Iterator[Finding]:
    if facts.refused:
        remedy = f"mend that; `buildbot checkconfig {facts.folder}` looks again"
        yield Finding("config", ok=False, text="\n     ".join(facts.refused), remedy=remedy)
    if "cd.ContinuousDeployment" not in facts.config.read_text("utf-8"):
        text = f"{facts.config} does not name util.cd.ContinuousDeployment"
        yield Finding("config", ok=False, text=text, remedy=_LINES)
    try:
        client = Client(facts.pages)
        gates = client.rows("gates", "gates")
    except Unreachable as error:
        remedy = f"buildbot start {facts.folder}; its twistd.log says more"
        yield Finding("master", ok=False, text=error.what, remedy=remedy)
        return
    except CdError as error:
        remedy = f"buildbot reconfig {facts.folder}, which reads what is new in master.cfg; its twistd.log says more"
        yield Finding("master", ok=False, text=str(error), remedy=remedy)
        return
    yield Finding("master", ok=True, text=f"{facts.pages} answers, with {len(gates)} gate")
    yield from map(_seen, gates)
    connected = {str(one["name"]) for one in client.get("workers")["workers"] if one["connected_to"]}
    for name, why in needed(config).items():
        there = name in connected
        remedy = "" if there else f"start it: buildbot-worker start; it is needed as {why}"
        yield Finding("worker", ok=there, text=f"{name} is {'' if there else 'not '}connected ({why})", remedy=remedy)
    if facts.authorised:
        yield Finding("authz", ok=True, text="who may act is configured")
    else:
        remedy = (
            "docs/how-to/authorisation.md; until then freeze, resume and roll back work from this machine, if at all"
        )
        yield Finding("authz", ok=None, text="nobody is authorised in c['www']['authz']", remedy=remedy)


def _seen(gate: Mapping[str, Any]) -> Finding:
    """Whether the gate sees trunk: the first proof that its git worker can do what it is for."""
    failed = gate["obstacle"].startswith("trunk could not")
    if failed:
        remedy = "mend that, in cd.yaml with `buildbot-cd init --force` or by hand; trunk is looked at every trunk.poll"
        return Finding("gate", ok=False, text=f"{gate['name']}: {gate['obstacle']}", remedy=remedy)
    if gate["trunk"] is None:
        return Finding("gate", ok=None, text="trunk has not been looked at yet", remedy="ask again in a moment")
    return Finding("gate", ok=True, text=f"{gate['name']} has seen trunk at {gate['trunk'][:12]}")


def needed(config: MasterConfig) -> Mapping[str, str]:
    """The workers that cd.yaml names, and what each is for."""
    found: dict[str, str] = {}
    if config.git is not None:
        found[config.git.worker] = "git.worker"
    if config.release is not None:
        found.setdefault(config.release.worker, "release.worker")
    for check in config.checks:
        for name in check.tests.workers if check.tests is not None else ():
            found.setdefault(name, "checks.tests.workers")
    return found


def _push_right(config: MasterConfig) -> Finding:
    """A dry run of a push, by whoever runs this: git asks the server, and the server's hooks are not run."""
    url = config.trunk.repository
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    env |= {f"GIT_{role}_{key}": "doctor@localhost" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    with tempfile.TemporaryDirectory() as folder:

        def git(*argv: str) -> subprocess.CompletedProcess[str]:
            call = ["git", *argv]
            try:
                return subprocess.run(
                    call, cwd=folder, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
                )
            except subprocess.TimeoutExpired:
                return subprocess.CompletedProcess(call, 1, "", f"no answer within {SECONDS:g} s")

        git("init", "--quiet", "--bare", ".")
        tree = git("hash-object", "-t", "tree", "-w", "/dev/null").stdout.strip()
        commit = git("commit-tree", "-m", "doctor", tree).stdout.strip()
        branch = git("ls-remote", "--exit-code", url, f"refs/heads/{config.trunk.branch}")
        if branch.returncode:
            said = branch.stderr.strip() or f"there is no branch {config.trunk.branch}"
            return Finding(
                "git", ok=False, text=f"{url}: {said}", remedy="mend trunk.repository, trunk.branch or the key"
            )
        pushed = git("push", "--dry-run", "--porcelain", url, f"{commit}:refs/cd/doctor")
    who = f"as {getpass.getuser()} on this machine"
    if pushed.returncode:
        return Finding(
            "git", ok=False, text=f"{url} takes no push {who}: {pushed.stderr.strip()[:500]}", remedy=_ELSEWHERE
        )
    return Finding("git", ok=True, text=f"{url} takes a push {who}")


_LINES = f"add to its end:\n{textwrap.indent(LINES, ' ' * 8)}".rstrip()
_ELSEWHERE = "give the git worker's account the right to push; if that is another machine or account, run this there"


def _hosts(config: MasterConfig, folder: Path) -> Iterator[Finding]:
    assert config.fleet is not None
    try:
        hosts = read_hosts(config.fleet.hosts, folder)
    except (CdError, OSError) as error:
        yield Finding("hosts", ok=False, text=str(error), remedy="mend fleet.hosts")
        return
    bad = {host: text for host, text in _asked(config, hosts).items() if text}
    shown = "; ".join(f"{host}: {text}" for host, text in list(bad.items())[:SHOWN])
    text = f"{len(hosts) - len(bad)} of {len(hosts)} hosts answer" + (f" ({shown})" if bad else "")
    yield Finding("hosts", ok=not bad, text=text, remedy="log in by hand as the deploy worker does" if bad else "")


def _asked(config: MasterConfig, hosts: tuple[Host, ...]) -> dict[str, str]:
    """By host, what is wrong with it; the fan-out program is asked, as in a rollout."""
    assert config.fleet is not None
    fleet = config.fleet
    request: dict[str, Any] = {
        "verb": "status",
        "hosts": [asdict(host) for host in hosts],
        **settings_of(fleet),
    }
    done = subprocess.run(
        [sys.executable, "-m", "buildbot_cd.worker.fleet"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
    joiner, found = Joiner(), dict.fromkeys((host.name for host in hosts), last)
    for line in done.stdout.splitlines():
        event = joiner.feed(line)
        if event and event.get("event") == "error":
            found = dict.fromkeys(found, str(event["error"]))
        elif event and event.get("event") == "host":
            phase = "" if event["phase"] == "status" else event["phase"]
            found[str(event["host"])] = str(event.get("closed") or event.get("error") or phase)
    return found
