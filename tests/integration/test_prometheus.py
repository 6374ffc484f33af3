# SPDX-License-Identifier: GPL-2.0-only
"""The immune system with a real Prometheus server as its source, over a small fleet of real shops with visitors.

CD_LONG_WATCH=1 makes it the demo's forty shops and eight canaries.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.cli.demo import patches, workspace
from buildbot_cd.cli.demo.company import Company
from buildbot_cd.cli.demo.site import Site
from buildbot_cd.testing import prometheus
from buildbot_cd.testing.prometheus import Prometheus
from buildbot_cd.testing.seen import Seen

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

TEST_WORKERS = ["test-1", "test-2"]
SHOPS, CANARIES, VISITS = (40, 8, 200.0) if os.environ.get("CD_LONG_WATCH") else (8, 3, 120.0)


class Watched(Company):
    """A company whose immune system asks a Prometheus server."""

    server: Prometheus

    def config(self) -> dict[str, Any]:
        """As the demo's, with this source and a small canary."""
        config = super().config()
        config["checks"][0]["tests"]["workers"] = TEST_WORKERS
        config["rollout"] = [{"stage": "canary", "hosts": CANARIES, "watch": "20s"}, {"stage": "fleet", "hosts": "all"}]
        config["immune"] |= {"source": {"prometheus": self.server.url, "every": "1s"}, "baseline": "6s"}
        return config


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Watched]:
    """Shops that serve and are visited and scraped."""
    if prometheus.missing():
        pytest.skip(prometheus.missing())
    made = Watched(tmp_path / "company", hosts=SHOPS, rate=VISITS, net=3)
    made.site = Site(made.directory / "site", workers=("git-1", "deploy-1", *TEST_WORKERS))
    with prometheus.prometheus_server(tmp_path / "prometheus") as made.server:
        try:
            made.open(lambda _told: None)
            made.server.scrape(f"{one.address}:{made.place.port}" for one in made.place.hosts)
            yield made
        finally:
            made.close()


def bad_landing(company: Watched, engineer: str, patch: patches.Patch, number: int) -> dict[str, Any]:
    """Push it, and see it leave the canaries and trunk; no other host served it, and all tests had passed."""
    seen, tree = Seen(company.site), workspace.trunk_tree(company.place.repository)
    clone = company.place.clones[engineer]
    workspace.sync(clone)
    head = workspace.commit(clone, patch(clone))
    workspace.push(clone)
    ended = seen.comes_to("reverted", number, seconds=200)
    assert len(company.seen_by_visitors(f"r{number}-{head[:12]}")) <= CANARIES
    assert set(company.carried().values()) == {"r0-founding"}
    assert set(company.served().values()) == {"r0-founding"}
    assert workspace.trunk_tree(company.place.repository) == tree
    verdicts = seen.rows("SELECT kind FROM cd_verdict ORDER BY id")
    assert verdicts == [("regression",)] * number
    return ended


def test_what_prometheus_counts_takes_two_bad_landings_back(company: Watched) -> None:
    """Both pass their tests. The first answers errors; the second loses signups, and every page of it answers 200."""
    ended = bad_landing(company, "ada", patches.failing_offers, 1)
    # Who meets an error page leaves: whichever of the two figures is sure first is named first.
    assert ended["reason"].split()[0] in {"errors", "signups"}, ended
    begun = time.time()
    ended = bad_landing(company, "barbara", patches.blue_button, 2)
    assert ended["reason"].split()[0] == "signups", ended
    assert company.errors_since(begun + 1) == 0
