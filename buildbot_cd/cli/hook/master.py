# SPDX-License-Identifier: GPL-2.0-only
"""Talking to the master: one request, never longer than the limit, the token in a header and nowhere else."""

from __future__ import annotations

import base64
import http.client
import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from buildbot_cd.cli.hook.settings import Settings

LIMIT = 2.0
"""Seconds that a hook may take: somebody waits for the push."""

_MARGIN, _LEAST = 0.1, 0.01
_MOST = 1_000_000


class NoAnswer(CdError):
    """The master did not answer in time, or not as expected; the text says which, without the token."""


def age() -> float:
    """Seconds since this process began: on a busy server Python's own start counts for whoever waits."""
    try:
        began = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - began)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0  # no Linux: then it is the limit for the question alone


def pusher(settings: Settings, who: str) -> dict[str, Any]:
    """What the gate says to a push of this person, as the data API shows it. Raises NoAnswer."""
    name = quote(who.encode("utf-8", "replace"), safe="")
    path = f"/api/v2/cd/gates/{quote(settings.gate, safe='')}/pushers/{name}"
    text = _within(settings.limit, lambda left: _request(settings, "GET", path, None, left))
    try:
        (found,) = json.loads(text)["pushers"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NoAnswer(f"the master's answer is not that of its data API: {type(error).__name__}") from error
    if not isinstance(found, dict):
        raise NoAnswer("the master's answer is not that of its data API: no ruling in it")
    return found


def tell(settings: Settings, change: Mapping[str, str]) -> None:
    """Give the master's change hook one change. Raises NoAnswer."""
    body = urlencode(change, errors="replace").encode()
    _within(settings.limit, lambda left: _request(settings, "POST", "/change_hook/base", body, left))


def _within(limit: float, ask: Callable[[float], bytes]) -> bytes:
    """What ``ask`` gives, if it does so in time. Looking a name up cannot be interrupted, so it is left behind."""
    found: list[bytes | Exception] = []
    left = max(0.0, limit - age() - _MARGIN)

    def work() -> None:
        try:
            found.append(ask(max(left, _LEAST)))
        except Exception as error:  # noqa: BLE001 - told to whoever waits
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(left)
    if not found:
        raise NoAnswer(f"the master did not answer within {limit:.1f} s")
    if isinstance(found[0], NoAnswer):
        raise found[0]
    if isinstance(found[0], TimeoutError):
        raise NoAnswer(f"the master did not answer within {limit:.1f} s")
    if isinstance(found[0], Exception):
        raise NoAnswer(f"the master cannot be reached: {_words(found[0])}") from found[0]
    return found[0]


def _words(error: Exception) -> str:
    return str(error.strerror or error) if isinstance(error, OSError) else type(error).__name__


def _request(settings: Settings, method: str, path: str, body: bytes | None, limit: float) -> bytes:
    end = time.monotonic() + limit
    where = urlsplit(settings.master)
    if where.scheme not in ("http", "https") or not where.hostname:
        raise NoAnswer(f"--master has to be an address like https://cd.example.org/, not {settings.master!r:.100}")
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.hostname, where.port, timeout=limit)
    try:
        headers = {"Accept": "application/json", "User-Agent": "buildbot-cd hook", **_token(settings)}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, where.path.rstrip("/") + path, body, headers)
        answer = connection.getresponse()
        text = b""
        while len(text) < _MOST and time.monotonic() < end and (piece := answer.read1(65536)):
            text += piece
        if answer.status not in (200, 202):
            raise NoAnswer(f"the master answers {answer.status} to {method} {path}")
        return text
    finally:
        connection.close()


def _token(settings: Settings) -> dict[str, str]:
    if settings.token_file is None:
        return {}
    try:
        secret = Path(settings.token_file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoAnswer(f"the token file {settings.token_file} cannot be read") from error
    if not secret or not secret.isascii() or not secret.isprintable():
        raise NoAnswer(f"the token file {settings.token_file} has to hold one line: user:password, or a token")
    basic = base64.b64encode(secret.encode()).decode()
    return {"Authorization": f"Basic {basic}" if ":" in secret else f"Bearer {secret}"}
