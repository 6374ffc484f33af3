# SPDX-License-Identifier: GPL-2.0-only
"""What the hosts of a storm count, on one page: visitors come evenly, and a release that is sore fails some of them."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

RATE = 100.0
"""Requests a second, each host."""

SORE_SHARE = 0.4
"""Of them that fail with a sore release: below the half that is taken back without statistics."""

WATCH, BASELINE, EVERY = "2s", "1s", "500ms"


class Figures:
    """Serves the page for as long as it is entered; ``away_until`` is the time until which it answers 503."""

    def __init__(self, hosts: Iterable[Path], clock: Callable[[], float] = time.monotonic) -> None:
        self.hosts, self._clock = tuple(hosts), clock
        self.away_until = 0.0
        self._counted = {host.name: {"requests": 0.0, "errors": 0.0} for host in self.hosts}
        self._at = clock()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="figures", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def immune(self) -> dict[str, Any]:
        """What cd.yaml says of these metrics."""
        url = f"http://127.0.0.1:{self._server.server_port}/"
        errors = {"name": "errors", "events": "/{name}/errors", "per": "/{name}/requests", "bad": "up"}
        return {"source": {"json_page": url, "every": EVERY}, "baseline": BASELINE, "metrics": [errors]}

    def page(self) -> dict[str, dict[str, float]]:
        """The counters now. What came since the last look counts for what the host carries now."""
        with self._lock:
            now = self._clock()
            came, self._at = RATE * (now - self._at), now
            for host in self.hosts:
                self._counted[host.name]["requests"] += came
                self._counted[host.name]["errors"] += came * SORE_SHARE * _sore(host)
            return {name: dict(counted) for name, counted in self._counted.items()}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        figures = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(figures.page()).encode()
                away = time.time() < figures.away_until
                self.send_response(503 if away else 200)
                self.send_header("Content-Length", "0" if away else str(len(body)))
                self.end_headers()
                self.wfile.write(b"" if away else body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def _sore(host: Path) -> bool:
    try:
        return "sore\n" in (host / "current" / "app.txt").read_text()
    except OSError:  # between two looks the release was switched and tidied away
        return False
