# SPDX-License-Identifier: GPL-2.0-only
"""The figures of a storm's hosts, and the judge that reads them: what is sore is found, and nothing else."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.testing.storm.figures import RATE, SORE_SHARE, Figures

if TYPE_CHECKING:
    from pathlib import Path


def host(folder: Path, name: str, text: str) -> Path:
    """A host that carries a release with this text."""
    (folder / name / "current").mkdir(parents=True)
    (folder / name / "current" / "app.txt").write_text(text)
    return folder / name


def test_a_sore_release_fails_its_share_of_the_visitors(tmp_path: Path) -> None:
    """Two seconds of visitors on a good host and on a sore one; a page that is away says so."""
    now = 100.0
    hosts = [host(tmp_path, "web-1", "first\n"), host(tmp_path, "web-2", "first\nsore\n")]
    with Figures(hosts, lambda: now) as figures:
        now = 102.0
        url = figures.immune()["source"]["json_page"]
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - own loopback
            page = json.load(answer)
        came = 2 * RATE
        assert page == {
            "web-1": {"requests": came, "errors": 0.0},
            "web-2": {"requests": came, "errors": came * SORE_SHARE},
        }
        figures.away_until = float("inf")
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(url, timeout=5)  # noqa: S310 - own loopback
