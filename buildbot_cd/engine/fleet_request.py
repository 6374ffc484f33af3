# SPDX-License-Identifier: GPL-2.0-only
"""From cd.yaml's section `fleet` to what every request to the fan-out program says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from buildbot_cd.config.fleet import Fleet


def settings_of(fleet: Fleet) -> dict[str, Any]:
    """The keys of a request that are the same for all verbs and rollouts."""
    limits = fleet.timeouts.model_dump()
    settings: dict[str, Any] = {
        "transport": fleet.transport,
        "parallel": fleet.parallel.model_dump(),
        "keep": fleet.keep,
        "timeouts": {"copy": limits.pop("payload"), **limits},
        "copy": fleet.payload,
    }
    for key, words in (("restart", fleet.restart), ("pull", fleet.pull)):
        if words is not None:
            settings[key] = list(words)
    if fleet.root is not None:
        settings["root"] = fleet.root
    if fleet.transport == "ssh":
        settings["ssh"] = fleet.ssh.model_dump(exclude_none=True)
    if fleet.drain is not None:
        settings |= {"drain": list(fleet.drain.out), "undrain": list(fleet.drain.back)}
    if fleet.commands is not None:
        settings["commands"] = {name: list(argv) for name, argv in fleet.commands if argv is not None}
    if fleet.health is not None:
        settings["health"] = fleet.health.model_dump(exclude_none=True)
    return settings
