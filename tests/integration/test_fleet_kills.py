# SPDX-License-Identifier: GPL-2.0-only
"""``kill -9`` of the fan-out daemon, of the deploy worker and of the master at random moments of real rollouts.

``CD_FLEET_KILLS=100`` makes it a hundred (`make fleet-kills`); ``CD_FLEET_SEED`` chooses other moments. They come in
portions, each on a master and a fleet of its own and with moments of its own: one can be run again alone.
"""

from __future__ import annotations

import fcntl
import os
import random
import signal
import sys
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from buildbot.process.results import RETRY

from buildbot_cd.testing import sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buildbot_cd.testing.yard import Yard

KILLS = int(os.environ.get("CD_FLEET_KILLS", "3"))
SEED = int(os.environ.get("CD_FLEET_SEED", "1"))
A_LANDING = 3
"""Kills within one landing's way."""
PORTION = 9
PORTIONS = [min(PORTION, KILLS - first) for first in range(0, KILLS, PORTION)]
"""How many kills each portion has."""
VICTIMS = ("daemon", "deploy-1", "master")
CUT = """
from buildbot.process import build as stock
from twisted.internet import defer, reactor, task
begin = stock.Build._setup_locks
@defer.inlineCallbacks
def begin_alone(self):
    if self.builder.name == "cd-deploy" and not os.path.exists({path!r}):
        open({path!r}, "w").close()
        self.workerforbuilder.worker.conn.loseConnection()
        while self.workerforbuilder.worker is not None:
            yield task.deferLater(reactor, 0.01)
    yield begin(self)
stock.Build._setup_locks = begin_alone
"""
"""For master.cfg: once, the worker is gone between being chosen for a rollout and being asked for anything."""
pytestmark = [pytest.mark.integration, pytest.mark.sshd, pytest.mark.timeout(180 + 40 * PORTION)]


@contextmanager
def reading(yard: Yard) -> Iterator[list[OSError]]:
    """Somebody reads through every host's `current` all the time; what they missed."""
    over, missed = Event(), list[OSError]()

    def read() -> None:
        while not over.wait(0.001):
            for name in yard.host_names:
                try:
                    (yard.fleet / name / "current" / "app.txt").stat()
                except OSError as error:
                    missed.append(error)

    reader = Thread(target=read)
    reader.start()
    try:
        yield missed
    finally:
        over.set()
        reader.join()


def kill(yard: Yard, victim: str) -> None:
    """End it as a power cut does, and start it again; the daemon is started by whoever needs it next."""
    if victim == "daemon":
        for path in yard.directory.rglob("cd-fleet.lock"):
            with path.open() as lock, suppress(ProcessLookupError, ValueError):
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.kill(int(path.read_text()), signal.SIGKILL)
        return
    yard.site.kill(victim)
    if victim == "master":
        yard.site.start_master()
    else:
        yard.site.start_worker(victim)


@pytest.mark.skipif(bool(sshd.missing()), reason=sshd.missing() or "there")
@pytest.mark.parametrize("portion", range(len(PORTIONS)))
def test_whoever_dies_every_host_ends_on_the_release_on_record(yard: Yard, portion: int) -> None:
    """Each landing goes live in the end, on all hosts, and no reader of `current` ever missed it.

    The first rollout's worker also goes away at a moment that chance rarely meets: while its build is begun.
    """
    rng, left, number = random.Random(f"{SEED}/{portion}"), PORTIONS[portion], 0
    with sshd.ssh_fleet(yard.directory / "sshd", sshd.ADDRESSES[:6]) as servers, reading(yard) as missed:
        cut = yard.barriers / "cut"
        yard.start("import os\n" + CUT.format(path=str(cut)), fleet=over_ssh(yard, servers))
        while left > 0:
            number += 1
            yard.push("ada", f"good {number}")
            yard.until(lambda: yard.landing(number)["state"] == "deploying", "a landing to be deployed")  # noqa: B023 - called at once
            for victim in rng.sample(VICTIMS, min(left, A_LANDING)):
                Event().wait(rng.uniform(0.0, 1.5))  # a moment by chance is what this is about
                kill(yard, victim)
                left -= 1
            yard.comes_to("live", number, seconds=180)
            assert carried(yard) == on_record(yard)
            assert set(carried(yard).values()) == {f"r{number}-{yard.landing(number)['head'][:12]}"}
        lost = "SELECT results FROM builds WHERE state_string = 'worker lost'"
        assert cut.exists()
        assert set(yard.rows(lost)) == {(RETRY,)}
        kill(yard, "daemon")  # the last rollout's, if it has not been told yet that it is over
    assert missed == []


def over_ssh(yard: Yard, servers: sshd.SshFleet) -> dict[str, Any]:
    """The section `fleet`."""
    hosts = zip(yard.host_names, servers.addresses, strict=True)
    return {
        "transport": "ssh",
        "ssh": servers.ssh,
        "hosts": [{"name": name, "address": address} for name, address in hosts],
        "root": str(yard.fleet / "{name}"),
        "restart": [sys.executable, str(yard.barriers / "restart.py"), "{name}", "{release}"],
    }


def carried(yard: Yard) -> dict[str, str]:
    """What each host's symlink leads to."""
    return {name: (yard.fleet / name / "current").resolve().name for name in yard.host_names}


def on_record(yard: Yard) -> dict[str, str]:
    """What the newest rollout says that each host carries."""
    newest = "SELECT max(id) FROM cd_rollout"
    return dict(yard.rows(f"SELECT host, observed FROM cd_rollout_host WHERE rollout = ({newest})"))  # noqa: S608 - own text
