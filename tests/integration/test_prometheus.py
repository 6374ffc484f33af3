# SPDX-License-Identifier: GPL-2.0-only
"""The immune system with a real Prometheus server as its source, over a small fleet of real shops with visitors."""

from __future__ import annotations

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


class Watched(Company):
    """A company whose immune system asks a Prometheus server."""

    server: Prometheus

    def config(self) -> dict[str, Any]:
        """As the demo's, with this source and a small canary."""
        config = super().config()
        config["checks"][0]["tests"]["workers"] = TEST_WORKERS
        config["rollout"] = [{"stage": "canary", "hosts": 3, "watch": "20s"}, {"stage": "fleet", "hosts": "all"}]
        config["immune"] |= {"source": {"prometheus": self.server.url, "every": "1s"}, "baseline": "6s"}
        return config


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Watched]:
    """Eight shops that serve and are visited and scraped."""
    if prometheus.missing():
        pytest.skip(prometheus.missing())
    made = Watched(tmp_path / "company", hosts=8, rate=120.0, net=3)
    made.site = Site(made.directory / "site", workers=("git-1", "deploy-1", *TEST_WORKERS))
    with prometheus.prometheus_server(tmp_path / "prometheus") as made.server:
        try:
            made.open(lambda _told: None)
            made.server.scrape(f"{one.address}:{made.place.port}" for one in made.place.hosts)
            yield made
        finally:
            made.close()


def test_errors_that_prometheus_counts_take_a_landing_back(company: Watched) -> None:
    """A landing that passes its tests and answers errors leaves the canaries and trunk, and no other host served it."""
    seen, tree = Seen(company.site), workspace.trunk_tree(company.place.repository)
    clone = company.place.clones["ada"]
    head = workspace.commit(clone, patches.failing_offers(clone))
    workspace.push(clone)
    ended = seen.comes_to("reverted", 1, seconds=200)
    release = f"r1-{head[:12]}"
    # Who meets an error page leaves: whichever of the two figures is sure first is named first.
    assert ended["reason"].split()[0] in {"errors", "signups"}, ended
    assert len(company.seen_by_visitors(release)) <= 3
    assert set(company.carried().values()) == {"r0-founding"}
    assert set(company.served().values()) == {"r0-founding"}
    assert workspace.trunk_tree(company.place.repository) == tree
    (verdict,) = seen.rows("SELECT kind FROM cd_verdict")
    assert verdict == ("regression",)
