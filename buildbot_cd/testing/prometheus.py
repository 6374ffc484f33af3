# SPDX-License-Identifier: GPL-2.0-only
"""A real Prometheus server for tests, on loopback only, that scrapes whoever it is told to."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.cli.demo.site import free_ports
from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_READY_SECONDS = 60.0

_CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: fleet
    file_sd_configs: [{{files: [{targets}], refresh_interval: 1s}}]
"""


@dataclass(slots=True)
class Prometheus:
    """A server that keeps its data in ``folder``."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers, while it runs."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def targets(self) -> Path:
        """The file that says who is scraped."""
        return self.folder / "targets.json"

    def start(self) -> None:
        """Start it, with what it had stored, and wait until it answers. Raises CdError with its last words."""
        config = self.folder / "prometheus.yml"
        config.write_text(_CONFIG.format(targets=json.dumps(str(self.targets))), encoding="utf-8")
        argv = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}"]
        argv += [f"--web.listen-address=127.0.0.1:{self.port}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self.folder)
        _wait(self, self.process)

    def crash(self) -> None:
        """End it as a crash does; `start` brings it back."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)
            self.process = None

    def scrape(self, addresses: Iterable[str]) -> None:
        """From now on scrape these ``address:port``, once a second."""
        new = self.targets.with_suffix(".new")
        new.write_text(json.dumps([{"targets": sorted(addresses)}]), encoding="utf-8")
        new.rename(self.targets)


def missing() -> str:
    """Why there can be none on this machine; empty if there can."""
    return "" if shutil.which("prometheus") else "no prometheus on this machine: apt-get install prometheus"


@contextmanager
def prometheus_server(folder: Path) -> Iterator[Prometheus]:
    """A server that keeps its data in ``folder`` and ends with the block. Raises CdError with its last words."""
    folder.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    server = Prometheus(folder, port)
    server.scrape([])
    try:
        server.start()
        yield server
    finally:
        server.crash()


def _wait(server: Prometheus, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{server.url}/-/ready", timeout=5):  # noqa: S310 - own loopback
            return
        time.sleep(0.05)
    words = (server.folder / "log").read_text("utf-8", "replace")
    raise CdError(f"prometheus did not come up: {words[-1000:]}")
