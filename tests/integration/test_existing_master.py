# SPDX-License-Identifier: GPL-2.0-only
"""The configuration that ``buildbot create-master`` writes, with the two lines and a cd.yaml added."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from buildbot_cd.cli.demo.site import BUILDBOT, Site, free_ports
from buildbot_cd.cli.demo.workspace import git
from buildbot_cd.testing import sshd
from buildbot_cd.testing.repositories import Repository
from buildbot_cd.testing.seen import Seen
from buildbot_cd.testing.sshd import SshFleet

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PUBLIC = "https://github.com/buildbot/hello-world.git"
TWO_LINES = """
from buildbot.plugins import util
c['configurators'] = [util.cd.ContinuousDeployment('cd.yaml')]
"""
WORKER_PROGRAM = "from buildbot_worker.scripts.runner import run; run()"
TESTS = """\
import unittest
from hello import greeting

class Greeting(unittest.TestCase):
    def test_greeting(self):
        self.assertEqual(greeting, "Hello, world")
"""
HOSTS = ["web-1", "web-2", "web-3", "web-4"]


class SampleSite(Site):
    """A master and a worker as Buildbot's own programs write them."""

    def create(self, repository: Path) -> None:
        """Make both folders. Of the sample only its ports and its public repository are replaced, by local ones."""
        self.directory.mkdir()
        self.www, self.pb = free_ports(2)
        self._run([sys.executable, "-c", BUILDBOT, "create-master", "--quiet", str(self.master)])
        sample = (self.master / "master.cfg.sample").read_text()
        for old, new, times in (
            ("9989", repr(f"tcp:{self.pb}:interface=127.0.0.1"), 1),
            ("port=8010", f"port='tcp:{self.www}:interface=127.0.0.1'", 1),
            ("localhost:8010", f"127.0.0.1:{self.www}", 1),
            (PUBLIC, str(repository), 2),
        ):
            assert sample.count(old) == times, old
            sample = sample.replace(old, new)
        (self.master / "master.cfg").write_text(sample + TWO_LINES)
        create = [sys.executable, "-c", WORKER_PROGRAM, "create-worker", "--quiet", "--maxdelay=2"]
        self._run([*create, str(self.directory / "worker"), f"127.0.0.1:{self.pb}", "example-worker", "pass"])

    def start_worker(self, name: str) -> None:
        """Start the worker that was created."""
        self._start(name, self.directory / "worker", {})

    def configure(self, config: dict[str, Any]) -> None:
        """Write cd.yaml."""
        (self.master / "cd.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def check(self) -> tuple[int, str]:
        """What ``buildbot checkconfig`` says."""
        argv = [sys.executable, "-c", BUILDBOT, "checkconfig", str(self.master)]
        done = subprocess.run(argv, env=self._env(), capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def force(self, builder: str) -> int:
        """Press the sample's force button; the number of the build that it gives."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "force", "params": {"builderNames": [builder]}}
        request = urllib.request.Request(  # noqa: S310 - own loopback
            f"{self.url}/api/v2/forceschedulers/force", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return int(json.load(answer)["result"][0])


@pytest.fixture
def hello(tmp_path: Path) -> Repository:
    """A local repository with what the sample's builder tests: a package ``hello`` on the branch ``master``."""
    made = Repository.create(tmp_path / "hello-world.git")
    files: dict[str | bytes, str | bytes | None] = {
        "hello/__init__.py": 'greeting = "Hello, world"\n',
        "hello/test_hello.py": TESTS,
        ".gitignore": "_trial_temp*\n__pycache__\n",
    }
    made.git("symbolic-ref", "HEAD", "refs/heads/master")
    made.commit(files, ref="refs/heads/master")
    return made


@pytest.fixture
def site(tmp_path: Path, hello: Repository) -> Iterator[SampleSite]:
    """The sample's master and worker, created and not started."""
    # `trial`, which the sample calls, is beside our Python; the usage report that it sends finds no way out.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    nowhere = {"PATH": path, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    made = SampleSite(tmp_path / "site", workers=("example-worker",), environment=nowhere)
    made.create(hello.path)
    try:
        yield made
    finally:
        made.stop()


def cd_yaml(hello: Repository, fleet: Path) -> dict[str, Any]:
    """A gate whose only check is the builder that the sample has, and a fleet of four directories."""
    return {
        "trunk": {"repository": str(hello.path), "branch": "master", "poll": "2s"},
        "git": {"worker": "example-worker", "author": "Deploy <deploy@example.org>", "python": sys.executable},
        "gate": {},
        "checks": [{"builder": "runtests"}],
        "release": {"worker": "example-worker", "python": sys.executable},
        "fleet": {"transport": "local", "hosts": list(HOSTS), "root": str(fleet / "{name}")},
        "rollout": [{"stage": "canary", "hosts": 1}, {"stage": "fleet", "hosts": "all"}],
    }


def test_two_lines_and_a_cd_yaml_deploy_beside_what_the_master_did_before(
    site: SampleSite, hello: Repository, tmp_path: Path
) -> None:
    """The sample's builder still builds when forced; a landing it passes goes live, one it fails is reverted."""
    fleet = tmp_path / "fleet"
    for name in HOSTS:
        (fleet / name).mkdir(parents=True)
    site.configure(cd_yaml(hello, fleet))
    code, said = site.check()
    assert (code, "Config file is good!" in said) == (0, True), said
    site.start()
    seen = Seen(site)
    seen.until(lambda: seen.rows("SELECT 1 FROM cd_gate WHERE tested IS NOT NULL"), "the first look at trunk")

    forced = site.force("runtests")
    done = seen.until(lambda: complete(site, forced), "the forced build")
    assert [one["results"] for one in done] == [0]

    good = hello.commit({"hello/more.py": "more = 1\n"}, message="More", ref="refs/heads/master")
    seen.comes_to("live", 1)
    assert {(fleet / name / "current" / "hello" / "more.py").read_text() for name in HOSTS} == {"more = 1\n"}

    hello.commit({"hello/__init__.py": 'greeting = "?"\n'}, message="Ask", ref="refs/heads/master")
    ended = seen.comes_to("reverted", 2)
    assert "builder:runtests" in ended["reason"]
    assert git(hello.path, "rev-parse", "master^{tree}") == git(hello.path, "rev-parse", f"{good}^{{tree}}")
    assert {(fleet / name / "current" / "hello" / "__init__.py").read_text() for name in HOSTS} == {
        'greeting = "Hello, world"\n'
    }


def complete(site: SampleSite, buildset: int) -> list[dict[str, Any]]:
    """The ended builds of a buildset."""
    found = []
    for request in site.get(f"buildrequests?buildsetid={buildset}")["buildrequests"]:
        builds = site.get(f"builds?buildrequestid={request['buildrequestid']}&complete=true")["builds"]
        found += [one for one in builds if one["complete"]]
    return found


def test_checkconfig_tells_every_mistake_at_once(site: SampleSite, hello: Repository, tmp_path: Path) -> None:
    """Three mistakes are three lines, each with file, line, key and the nearest name that there is."""
    config = cd_yaml(hello, tmp_path / "fleet")
    config["gate"] = {"mod": "queued"}
    config["checks"] = [{"builder": "runtest"}]
    config["fleet"]["transport"] = "locale"
    site.configure(config)
    code, said = site.check()
    text = (site.master / "cd.yaml").read_text().splitlines()
    lines = {key: next(n for n, line in enumerate(text, 1) if key in line) for key in ("mod:", "runtest", "locale")}
    assert code == 1
    assert f"cd.yaml:{lines['mod:']}: gate.mod: unknown key, did you mean 'mode'?" in said
    assert f"cd.yaml:{lines['runtest']}: checks[0].builder: no builder is called 'runtest'" in said
    assert "did you mean 'runtests'?" in said
    assert f"cd.yaml:{lines['locale']}: fleet.transport: should be " in said
    assert "did you mean 'local'?" in said
    assert said.count("cd.yaml:") == 3


def command(site: SampleSite, *argv: str) -> subprocess.CompletedProcess[str]:
    """``buildbot-cd`` as a person calls it, with nobody at a keyboard."""
    program = "import sys; from buildbot_cd.cli.main import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=site._env(),
        timeout=120,
        check=False,
    )


ADDRESSES = ("127.3.0.1", "127.3.0.2", "127.3.0.3")
SSH_CONFIG = """\
Host 127.3.0.*
    Port {port}
    User {user}
    IdentityFile {key_file}
    UserKnownHostsFile {known_hosts}
"""


@pytest.fixture
def servers(site: SampleSite, tmp_path: Path) -> Iterator[SshFleet]:
    """Three addresses with a real sshd, to which the master's and the worker's account may log in by its own ~/.ssh."""
    if sshd.missing():
        pytest.skip(sshd.missing())
    with sshd.ssh_fleet(tmp_path / "sshd", ADDRESSES) as fleet:
        (tmp_path / "home" / ".ssh").mkdir(parents=True)
        (tmp_path / "home" / ".ssh" / "config").write_text(SSH_CONFIG.format(**fleet.ssh))
        site.environment["HOME"] = str(tmp_path / "home")
        yield fleet


@pytest.mark.sshd
def test_init_and_doctor_lead_to_a_live_landing(
    site: SampleSite, hello: Repository, servers: SshFleet, tmp_path: Path
) -> None:
    """No file is edited by hand: what the sample has answers the questions, doctor is content when all runs, and the
    landing goes live over ssh on hosts that carried nothing before.
    """
    config = site.master / "master.cfg"
    config.write_text(config.read_text().replace(TWO_LINES, ""))
    hosts = ["--hosts", ",".join(ADDRESSES), "--root", str(tmp_path / "srv" / "{name}")]
    done = command(site, "init", str(site.master), "--yes", *hosts)
    assert (done.returncode, "changes nothing until `shadow` is out" in done.stdout) == (0, True), done.stderr
    text = yaml.safe_load((site.master / "cd.yaml").read_text())
    assert text["trunk"] == {"repository": str(hello.path), "branch": "master"}
    assert text["checks"] == [{"builder": "runtests"}]
    assert config.read_text().count("cd.ContinuousDeployment") == 1
    again = command(site, "init", str(site.master), "--yes")
    assert (again.returncode, "--force" in again.stderr) == (1, True)

    before = command(site, "doctor", str(site.master))
    assert before.returncode == 1
    assert "no master answers" in before.stdout
    site.start()
    after = command(site, "doctor", str(site.master), "--json")
    assert after.returncode == 0, after.stdout + after.stderr
    findings = {(one["part"], one["ok"]) for one in json.loads(after.stdout)}
    parts = ("config", "master", "worker", "git", "hosts")
    assert findings >= {*((part, True) for part in parts), ("authz", None)}
    servers.fault(ADDRESSES[0], "refuse")
    sick = command(site, "doctor", str(site.master), "--part", "hosts")
    assert (sick.returncode, "2 of 3 hosts answer (127.3.0.1: " in sick.stdout) == (1, True), sick.stdout
    servers.fault(ADDRESSES[0], None)

    seen = Seen(site)
    seen.until(lambda: seen.rows("SELECT 1 FROM cd_gate WHERE tested IS NOT NULL"), "the first look at trunk")
    live = command(site, "init", str(site.master), "--yes", "--no-shadow", "--force", *hosts)
    assert live.stdout.splitlines()[0] == f"wrote {site.master / 'cd.yaml'}", live.stderr
    head = hello.commit({"hello/more.py": "more = 1\n"}, message="More", ref="refs/heads/master")
    site.processes["master"].send_signal(signal.SIGHUP)  # `buildbot reconfig`, which looks at trunk at once
    url = f"--master={site.url}"
    told = seen.until(lambda: command(site, "show", head, url, "--json").stdout, "the gate to see the push", 120)
    assert json.loads(told)["landing"]["head"] == head
    seen.comes_to("live", 1)
    carried = {(tmp_path / "srv" / one / "current" / "hello" / "more.py").read_text() for one in ADDRESSES}
    assert carried == {"more = 1\n"}
    status = command(site, "status", url)
    assert (status.returncode, "safe to push" in status.stdout) == (0, True), status.stdout
    shown = command(site, "show", "1", url).stdout
    assert "landing 1: More" in shown
    assert "live" in shown
    frozen = command(site, "freeze", url, "--reason", "the database moves", "--until", "2h")
    assert frozen.returncode == 0, frozen.stderr
    assert command(site, "status", url).returncode == 1
    assert "the database moves" in command(site, "status", url).stdout
    assert command(site, "rollback", url, "--reason", "x").returncode == 1
    assert command(site, "resume", url).returncode == 0
    assert command(site, "queue", url).stdout == "nobody waits\n"


def test_init_says_what_it_cannot_know(site: SampleSite, tmp_path: Path) -> None:
    """A wrong name is told with those that there are, and nothing is written."""
    config = (site.master / "master.cfg").read_text().replace(TWO_LINES, "")
    (site.master / "master.cfg").write_text(config)
    done = command(site, "init", str(site.master), "--yes", "--git-worker", "git-7")
    assert (done.returncode, "example-worker" in done.stderr) == (1, True), done.stderr
    assert not (site.master / "cd.yaml").exists()
    assert (site.master / "master.cfg").read_text() == config
    assert "no master's folder" in command(site, "init", str(tmp_path)).stderr
