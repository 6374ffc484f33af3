# SPDX-License-Identifier: GPL-2.0-only
"""``kill -9`` of the fan-out daemon, or of the command that waits for it, at random moments.

``CD_FLEET_KILLS=100`` makes it a hundred; ``CD_FLEET_SEED`` chooses other moments. They come in portions, each on
empty hosts and with moments of its own.
"""

import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.core.rollout import ActionKind, HostRecord, Observation, Phase, after_event, next_actions, observe
from buildbot_cd.testing.fleet import FleetClient, events_of, last

KILLS = int(os.environ.get("CD_FLEET_KILLS", "6"))
SEED = int(os.environ.get("CD_FLEET_SEED", "1"))
PORTION = 20
PORTIONS = [min(PORTION, KILLS - first) for first in range(0, KILLS, PORTION)]
"""How many kills each portion has."""
pytestmark = [pytest.mark.sshd, pytest.mark.timeout(120 + 20 * PORTION)]


class Record:
    """What a rollout writes down: corrected by events, and by a probe of all hosts after a death."""

    def __init__(self, client: FleetClient) -> None:
        self.client = client
        self.hosts = {name: HostRecord(None) for name in client.names}
        self.seen: dict[str, Observation] = {}

    def want(self, release: str) -> None:
        """Write the intention, before any host is touched."""
        self.hosts = {n: HostRecord(release, r.observed, r.previous, Phase.PENDING) for n, r in self.hosts.items()}

    def hear(self, events: list[dict[str, Any]]) -> None:
        """Take in what a command told."""
        for event in events:
            if event["event"] == "host" and event["phase"] in set(Phase):
                name = event["host"]
                self.hosts[name] = after_event(self.hosts[name], Phase(event["phase"]), event.get("release"))

    def probe(self) -> None:
        """Ask all hosts; what they say wins."""
        for event in self.client(verb="status")[1]:
            if event["event"] == "host":
                reachable = event["phase"] == "status"
                seen = Observation(event.get("release"), frozenset(event.get("releases") or ()), reachable)
                self.seen[event["host"]] = seen
                self.hosts[event["host"]] = observe(self.hosts[event["host"]], seen)

    def act(self) -> bool:
        """Do what the rules say is next; False if nothing is."""
        actions = next_actions(self.hosts, self.seen, None)
        hosts = [host for host in self.client.base["hosts"] if host["name"] in {one.host for one in actions}]
        if not hosts:
            return False
        kinds = {one.kind for one in actions}
        assert kinds <= {ActionKind.SWITCH, ActionKind.CHECK}
        release = next(iter(self.hosts.values())).desired
        expect = {one.host: one.expect for one in actions if one.kind is ActionKind.SWITCH}
        self.hear(self.client(verb="switch", release=release, restart=["true"], hosts=hosts, expect=expect)[1])
        return True


@pytest.mark.parametrize("portion", range(len(PORTIONS)))
def test_after_kills_at_random_moments_every_host_is_where_the_record_says(
    client: FleetClient, payload: Path, portion: int
) -> None:
    """Every host ends on the release on record, and a reader of `current` never missed it."""
    rng, record = random.Random(f"{SEED}/{portion}"), Record(client)
    for release in ("r-1", "r-2"):
        assert client(verb="stage", release=release, payload=str(payload))[0] == 0
    assert client(verb="switch", release="r-1", restart=["true"])[0] == 0
    over, misses = threading.Event(), []

    def read() -> None:
        while not over.wait(0.001):
            for name in client.names:
                try:
                    (client.link(name) / "data").stat()
                except OSError as error:
                    misses.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(PORTIONS[portion]):
            release = f"r-{2 - number % 2}"
            record.want(release)
            begun = time.monotonic()
            killed_daemon = rng.random() < 0.7
            with client.begin(verb="switch", release=release, restart=["true"]) as process:
                over.wait(rng.uniform(0.0, 1.2))  # a moment by chance is what this is about
                victim = client.pid() if killed_daemon else process.pid
                if victim:
                    os.kill(victim, signal.SIGKILL)
                record.hear(events_of(process))
            while True:
                record.probe()
                if not record.act():
                    break
            found = {name: client.link(name).resolve().name for name in client.names}
            assert found == {name: row.observed for name, row in record.hosts.items()} == dict.fromkeys(found, release)
            assert time.monotonic() - begun < 60
    finally:
        over.set()
        reader.join()
    assert not misses
    assert set(last(client(verb="health", release=release)[1]).values()) == {"healthy"}
