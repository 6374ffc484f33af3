# SPDX-License-Identifier: GPL-2.0-only
"""The immune system with a real Prometheus server as its source, over a small fleet of real shops with visitors.

CD_LONG_WATCH=1 makes it the demo's forty shops and eight canaries, and adds what takes minutes: a source that
crashes in the middle of a watch, and a leak that begins after three minutes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from buildbot_cd.cli.demo import patches, workspace
from buildbot_cd.cli.demo.company import Company
from buildbot_cd.cli.demo.site import Site
from buildbot_cd.testing import prometheus
from buildbot_cd.testing.prometheus import Prometheus
from buildbot_cd.testing.seen import Seen

LONG = bool(os.environ.get("CD_LONG_WATCH"))

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900 if LONG else 300)]

TEST_WORKERS = ["test-1", "test-2"]
SHOPS, CANARIES, VISITS = (40, 8, 200.0) if LONG else (8, 3, 120.0)
AWAY = 40.0
"""Seconds for which the source is away."""
LEAK_AFTER = 180
LEAK = f"""
        if self.clock() - self.opened > {LEAK_AFTER}:
            self.lost += 1
        if self.metrics.requests % 100 < self.lost:
            raise RuntimeError("no connection to the database is left")
"""


def leaking_carts(tree: Path) -> patches.Change:
    """From the third minute on each look at a cart keeps one of a hundred connections to the database."""
    path = "shop/app.py"
    text = (tree / path).read_text("utf-8")
    begins = "    def _cart(self, request):"
    for old, new in (
        ("        self._routes = {", "        self.opened, self.lost = clock(), 0\n        self._routes = {"),
        (begins, begins + LEAK.rstrip()),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return patches.Change({path: text}, "Keep connections for the next cart\n\nTags: cart\n")


class Ended(NamedTuple):
    """What a watch ended with, and how many seconds after its release's first visitor."""

    kind: str
    culprits: list[str]
    after: float


class Watched(Company):
    """A company whose immune system asks a Prometheus server."""

    server: Prometheus
    watch = "20s"

    def config(self) -> dict[str, Any]:
        """As the demo's, with this source and a small canary."""
        config = super().config()
        config["checks"][0]["tests"]["workers"] = TEST_WORKERS
        config["rollout"] = [
            {"stage": "canary", "hosts": CANARIES, "watch": self.watch},
            {"stage": "fleet", "hosts": "all"},
        ]
        config["immune"] |= {"source": {"prometheus": self.server.url, "every": "1s"}, "baseline": "6s"}
        return config


@pytest.fixture
def company(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """Shops that serve and are visited and scraped; a parameter is how long canaries are watched."""
    if prometheus.missing():
        pytest.skip(prometheus.missing())
    made = Watched(tmp_path / "company", hosts=SHOPS, rate=VISITS, net=3)
    made.watch = getattr(request, "param", made.watch)
    made.site = Site(made.directory / "site", workers=("git-1", "deploy-1", *TEST_WORKERS))
    with prometheus.prometheus_server(tmp_path / "prometheus") as made.server:
        try:
            made.open(lambda _told: None)
            made.server.scrape(f"{one.address}:{made.place.port}" for one in made.place.hosts)
            yield made
        finally:
            made.close()


def landing(company: Watched, engineer: str, patch: patches.Patch, number: int) -> str:
    """Push it; gives its release."""
    clone = company.place.clones[engineer]
    workspace.sync(clone)
    head = workspace.commit(clone, patch(clone))
    workspace.push(clone)
    return f"r{number}-{head[:12]}"


def bad_landing(
    company: Watched,
    engineer: str,
    patch: patches.Patch,
    number: int,
    before: str = "r0-founding",
    limit: float = 200,
) -> Ended:
    """Push it, and see it leave the canaries and trunk; no other host served it, and all tests had passed."""
    seen, tree = Seen(company.site), workspace.trunk_tree(company.place.repository)
    release = landing(company, engineer, patch, number)
    seen.comes_to("reverted", number, seconds=limit)
    assert len(company.seen_by_visitors(release)) <= CANARIES
    assert set(company.carried().values()) == {before}
    assert set(company.served().values()) == {before}
    assert workspace.trunk_tree(company.place.repository) == tree
    (ended,) = verdicts(company, number)
    assert ended.kind == "regression"
    return ended


def told_by_the_watch(company: Watched) -> str:
    """What the newest watch says of itself."""
    query = "SELECT state_string FROM steps WHERE name = 'watch canary' ORDER BY id DESC LIMIT 1"
    return str(Seen(company.site).rows(query)[0][0])


def stay(company: Watched, seconds: float) -> None:
    """Let the watch go on for so long; visitors come meanwhile."""
    until = time.time() + seconds
    Seen(company.site).until(lambda: time.time() >= until, "the time to pass", 2 * seconds)


def verdicts(company: Watched, number: int) -> list[Ended]:
    """What a landing's watches ended with."""
    found = Seen(company.site).rows(
        "SELECT v.kind, v.evidence, v.at, r.release FROM cd_verdict v JOIN cd_rollout r ON r.id = v.rollout "  # noqa: S608 - a number
        f"WHERE r.landing = {number:d} ORDER BY v.id"
    )
    lines = [json.loads(line) for line in company.log.read_text("utf-8").splitlines() if line.endswith("}")]
    first = {one["release"]: one["at"] for one in reversed(lines) if one["kind"] == "release"}
    return [Ended(kind, json.loads(told)["culprits"], at - first[release]) for kind, told, at, release in found]


def test_what_prometheus_counts_takes_two_bad_landings_back(company: Watched) -> None:
    """Both pass their tests. The first answers errors; the second loses signups, and every page of it answers 200."""
    ended = bad_landing(company, "ada", patches.failing_offers, 1)
    # Who meets an error page leaves: whichever of the two figures is sure first is named.
    assert set(ended.culprits) <= {"errors", "signups"}
    begun = time.time()
    ended = bad_landing(company, "barbara", patches.blue_button, 2)
    assert ended.culprits == ["signups"]
    assert company.errors_since(begun + 1) == 0


if LONG:  # else it is not there: it takes ten minutes

    @pytest.mark.parametrize("company", ["4m"], indirect=True)
    def test_a_source_that_crashes_takes_nothing_back_and_a_late_leak_does(company: Watched) -> None:
        """While the source is away the watch stands still, and the release goes live; what leaks late leaves again."""
        seen = Seen(company.site)
        good = landing(company, "grace", patches.new_greeting, 1)
        seen.until(lambda: seen.rows("SELECT id FROM cd_rollout WHERE state = 'watching'"), "the watch to begin", 200)
        stay(company, 60.0)
        company.server.crash()
        seen.until(lambda: "provider_error" in told_by_the_watch(company), "the watch to stand still")
        stay(company, AWAY)
        company.server.start()
        seen.until(lambda: "provider_error" not in told_by_the_watch(company), "the watch to go on")
        seen.comes_to("live", 1, seconds=400)
        (ended,) = verdicts(company, 1)
        assert ended.kind in {"ok", "undecided"}
        assert ended.after > 240 + AWAY - 5
        assert set(company.served().values()) == {good}

        ended = bad_landing(company, "ada", leaking_carts, 2, before=good, limit=500)
        assert set(ended.culprits) <= {"errors", "signups"}
        assert LEAK_AFTER - 2 < ended.after < LEAK_AFTER + 45
