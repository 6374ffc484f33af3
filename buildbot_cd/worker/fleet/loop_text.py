# SPDX-License-Identifier: GPL-2.0-only
"""The modules that run on hosts, as text."""

from __future__ import annotations

from importlib import resources

_PACKAGE = "buildbot_cd.worker.fleet"
_NAMES = ("host_tree", "host_state", "host_releases", "host_health", "host_service", "host")


def modules() -> list[list[str]]:
    """Pairs of module name and source, in the order in which they can be run; the packages above them are empty."""
    parts = _PACKAGE.split(".")
    parents = [[".".join(parts[: n + 1]), ""] for n in range(len(parts))]
    folder = resources.files(_PACKAGE)
    return parents + [[f"{_PACKAGE}.{name}", folder.joinpath(f"{name}.py").read_text("utf-8")] for name in _NAMES]
