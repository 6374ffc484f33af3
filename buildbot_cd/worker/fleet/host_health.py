# SPDX-License-Identifier: GPL-2.0-only
"""Ask a service which release it serves; runs on hosts too: standard library only, Python 3.8 or newer."""

from __future__ import annotations

import time
import urllib.error
import urllib.request


def wait_for_release(url: str, header: str | None, release: str, timeout: float) -> str:
    """Ask ``url`` until it serves ``release`` or ``timeout`` seconds are over; what is wrong then, or empty."""
    until, pause = time.monotonic() + timeout, 0.05
    while True:
        problem = _ask(url, header, release, max(0.1, min(5.0, until - time.monotonic())))
        if not problem:
            return ""
        if time.monotonic() + pause > until:
            return f"{url}: {problem} (for {timeout:g} s)"
        time.sleep(pause)
        pause = min(1.0, pause * 1.5)


def _ask(url: str, header: str | None, release: str, timeout: float) -> str:
    """What is wrong with the service; empty if nothing."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout) as answer:
            served = answer.headers.get(header) if header else release
    except urllib.error.HTTPError as error:
        with error:
            return f"answers {error.code}"
    except (OSError, ValueError) as error:
        return f"does not answer: {error}"
    except Exception as error:  # noqa: BLE001 - http.client raises errors of its own for a broken answer
        return f"answers something that is not HTTP: {error!r}"
    return "" if served == release else f"header {header} is {served!r}, not {release!r}"
