# SPDX-License-Identifier: GPL-2.0-only
"""Whether a master's web server can be reached from other machines, from its configuration alone."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_PART = re.compile(r"(?:\\.|[^:\\])+")
"""What stands between the colons of a Twisted endpoint; a backslash takes the meaning from a colon."""


def reachable_from_outside(config: Any) -> str:
    """Why others than this machine may reach the web server, in a few words; empty if they cannot.

    ``config`` is the master's: its ``www.port`` and ``buildbotURL``. A loopback port behind a proxy is told by the URL.
    What cannot be understood counts as reachable.
    """
    www: Mapping[str, Any] = config.www
    port = www.get("port")
    if not port:
        return ""
    if not is_local_port(port):
        return f"it listens on {port!r}, beyond this machine"
    host = urlsplit(str(config.buildbotURL)).hostname or ""
    return "" if _is_loopback(host) else f"its buildbotURL is {config.buildbotURL!r}, which is not this machine"


def is_local_port(port: int | str) -> bool:
    """Whether a port of Buildbot's configuration (a number or a Twisted endpoint) is loopback's or a socket file."""
    parts = [re.sub(r"\\(.)", r"\1", part) for part in _PART.findall(str(port))]
    kind = parts[0] if parts else ""
    if kind == "unix":
        return True
    if kind not in {"tcp", "tcp6", "ssl"}:
        return False
    options = dict(part.split("=", 1) for part in parts[1:] if "=" in part)
    return _is_loopback(options.get("interface", ""))


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
