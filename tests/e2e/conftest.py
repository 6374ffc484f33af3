# SPDX-License-Identifier: GPL-2.0-only
"""A real master that offers the pages, and Debian's Chromium to look at them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from buildbot_cd.cli.demo.site import BUILDBOT, Site, free_ports, template
from buildbot_cd.www.application import is_built

sys.path.insert(0, str(Path(__file__).parent))  # scenes, answers and stage lie beside the tests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
expect.set_options(timeout=20_000)  # a limit, not a pace: the machine may be busy
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A master with nothing but the pages: what they show is given by each test.
MASTER_CFG = """\
import os
from buildbot.plugins import schedulers, util, worker
c = BuildmasterConfig = {
    "title": "Shop",
    "titleURL": "https://shop.example/",
    "buildbotURL": "http://127.0.0.1:{}/".format(os.environ["CD_WWW_PORT"]),
    "buildbotNetUsageData": None,
    "db": {"db_url": "sqlite:///state.sqlite"},
    "workers": [worker.Worker("one", "secret")],
    "builders": [util.BuilderConfig(name="shop", workernames=["one"], factory=util.BuildFactory())],
    "schedulers": [schedulers.ForceScheduler(name="force", builderNames=["shop"])],
    "protocols": {"pb": {"port": "tcp:{}:interface=127.0.0.1".format(os.environ["CD_PB_PORT"])}},
    "www": {
        "port": "tcp:{}:interface=127.0.0.1".format(os.environ["CD_WWW_PORT"]),
        "plugins": {"cd": {}},
    },
}
"""


def bare_site(directory: Path) -> Site:
    """A master's folder, ready to start."""
    site = Site(directory, workers=())
    site.www, site.pb, site.try_port = free_ports(3)
    site.master.mkdir(parents=True)
    shutil.copy(template("master") / "buildbot.tac", site.master)
    (site.master / "master.cfg").write_text(MASTER_CFG, encoding="utf-8")
    upgrade = [sys.executable, "-c", BUILDBOT, "upgrade-master", "--quiet", str(site.master)]
    ports = {"CD_WWW_PORT": str(site.www), "CD_PB_PORT": str(site.pb)}
    done = subprocess.run(upgrade, env={**os.environ, **ports}, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return site


@pytest.fixture(scope="session")
def bundle() -> None:
    """The pages are built; a machine without Node has none."""
    if not is_built():
        pytest.skip("the pages are not built: run `make ui`, which needs Node 20 or newer")


@pytest.fixture(scope="session")
def bare(bundle: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A real master, started once, without a gate of its own."""
    site = bare_site(tmp_path_factory.mktemp("bare"))
    try:
        site.start_master()
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser; each test opens a context of its own in it."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Looked:
    """One page that is looked at, and everything that it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """From now on errors on the console and in scripts are collected."""
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")


@pytest.fixture
def look(chromium: Browser) -> Iterator[Callable[..., Looked]]:
    """Opens a page in a context of its own: a size, a theme, and whatever Playwright's contexts take."""
    contexts = []

    def open_page(width: int = 1440, theme: str = "light", **settings: Any) -> Looked:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, accept_downloads=True, **settings
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        looked = Looked(context.new_page())
        looked.listen()
        return looked

    yield open_page
    for context in contexts:
        context.close()
