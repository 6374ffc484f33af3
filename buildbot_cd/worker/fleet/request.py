# SPDX-License-Identifier: GPL-2.0-only
"""The request: one JSON object, checked as a whole before any host is touched."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.rollout.inventory import parse_inventory
from buildbot_cd.errors import CdError, FleetError
from buildbot_cd.worker.fleet.templates import Place, check_template, expand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.core.rollout.hosts import Host

VERBS = ("status", "stage", "switch", "rollback", "drain", "undrain", "health", "gc")
COPIES = ("auto", "stream", "rsync")
TRANSPORTS = ("local", "ssh", "command")
COMMANDS = ("status", "stage", "switch", "rollback")
_KEYS = {
    *("verb", "transport", "ssh", "root", "hosts", "release", "payload", "expect", "to", "fence", "restart", "health"),
    *("parallel", "keep", "protect", "budget", "timeouts", "drain", "undrain", "copy", "pull", "commands", "archive"),
    "dry",
}
_NEEDS = {"stage": ("release", "payload", "fence"), "switch": ("release", "fence"), "rollback": ("to", "fence")}
_NEEDS |= {"drain": ("drain",), "undrain": ("undrain",)}
_SSH_KEYS = {"user": str, "port": int, "key_file": str, "known_hosts": str, "config": str}
_HEALTH_KEYS = {"url": str, "release_header": str, "timeout": (int, float)}
_TIMEOUTS = {"connect": 10.0, "verb": 30.0, "copy": 900.0, "restart": 60.0, "drain": 60.0}
_RELEASE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A host and its directory there."""

    host: Host
    root: str

    @property
    def name(self) -> str:
        """The host's name."""
        return self.host.name

    @property
    def address(self) -> str:
        """Where it is connected to."""
        return self.host.address


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request. Times are in seconds; see docs/explanation/rollout.md for every key."""

    verb: str
    transport: str
    targets: tuple[Target, ...]
    ssh: Mapping[str, Any]
    release: str | None
    payload: str | None
    archive: str | None
    expect: Mapping[str, str | None]
    to: Mapping[str, str]
    fence: int
    restart: tuple[str, ...]
    health: Mapping[str, Any]
    drain: tuple[str, ...]
    undrain: tuple[str, ...]
    copy: str
    pull: tuple[str, ...]
    commands: Mapping[str, tuple[str, ...]]
    parallel: int
    drains: int
    keep: int
    protect: tuple[str, ...]
    budget: int | None
    dry: bool
    timeouts: Mapping[str, float]

    def release_for(self, target: Target) -> str | None:
        """The release that the verb is about on this host."""
        return self.to[target.name] if self.verb == "rollback" else self.release

    def fill(self, target: Target, text: str, release: str | None = None) -> str:
        """``text`` with {name}, {address}, {role}, {release} and {root} of this host."""
        carried = self.release_for(target) or "" if release is None else release
        return expand(text, Place(target.name, target.address, target.root, carried, target.host.role))


def parse_request(text: str) -> Request:
    """Read a request.

    :raises FleetError: naming the key that cannot be used, and what would do.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FleetError(f"request: not valid JSON: {error}") from error
    if not isinstance(raw, dict):
        raise FleetError("request: must be a JSON object")
    _known(raw, _KEYS, "request")
    verb = _one_of(raw, "verb", VERBS)
    transport = _one_of(raw, "transport", TRANSPORTS)
    for key in _NEEDS.get(verb, ()):
        if raw.get(key) is None:
            raise FleetError(f"{key}: missing; the verb {verb} needs it")
    targets = _targets(raw, transport)
    names = {target.name for target in targets}
    return Request(
        verb=verb,
        transport=transport,
        targets=targets,
        ssh=_section(raw, "ssh", _SSH_KEYS),
        release=_release(raw.get("release"), "release"),
        payload=_typed(raw, "payload", str, None),
        archive=_typed(raw, "archive", str, None),
        expect=_releases(raw, "expect", names),
        to=_rollback_targets(raw, names) if verb == "rollback" else {},
        fence=_count(raw, "fence", 0),
        restart=_strings(raw, "restart"),
        health=_health(raw),
        drain=_strings(raw, "drain"),
        undrain=_strings(raw, "undrain"),
        copy=_one_of({"copy": "auto", **raw}, "copy", COPIES),
        pull=_strings(raw, "pull"),
        commands=_commands(raw, transport),
        parallel=_parallel(raw, "stage" if verb == "stage" else "switch"),
        drains=_parallel(raw, "drain"),
        keep=max(1, _count(raw, "keep", 5)),
        protect=_strings(raw, "protect"),
        budget=_count(raw, "budget", 0) if raw.get("budget") is not None else None,
        dry=bool(raw.get("dry")),
        timeouts={**_TIMEOUTS, **_section(raw, "timeouts", dict.fromkeys(_TIMEOUTS, (int, float)))},
    )


def _known(section: dict[str, Any], keys: set[str], place: str) -> None:
    for key in section:
        if key not in keys:
            near = difflib.get_close_matches(key, sorted(keys), n=1)
            raise FleetError(f"{place}: unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


def _one_of(raw: dict[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    value = raw.get(key)
    if value not in allowed:
        raise FleetError(f"{key}: {value!r} is none of {', '.join(allowed)}")
    return str(value)


def _typed(raw: dict[str, Any], key: str, kind: Any, default: Any, place: str = "") -> Any:
    value = raw.get(key)
    if value is None:
        return default
    if not isinstance(value, kind) or isinstance(value, bool):
        wanted = kind.__name__ if isinstance(kind, type) else "number"
        raise FleetError(f"{place}{key}: must be of type {wanted}, found {value!r}")
    return value


def _count(raw: dict[str, Any], key: str, default: int, place: str = "") -> int:
    value: int = _typed(raw, key, int, default, place)
    if value < 0:
        raise FleetError(f"{place}{key}: must not be negative, found {value}")
    return value


def _section(raw: dict[str, Any], key: str, kinds: Mapping[str, Any]) -> dict[str, Any]:
    section: dict[str, Any] = _typed(raw, key, dict, {})
    _known(section, set(kinds), key)
    values = {name: _typed(section, name, kind, None, f"{key}.") for name, kind in kinds.items()}
    return {name: value for name, value in values.items() if value is not None}


def _strings(raw: dict[str, Any], key: str) -> tuple[str, ...]:
    value = _typed(raw, key, list, [])
    if not all(isinstance(word, str) for word in value):
        raise FleetError(f"{key}: must be a list of strings, found {value!r}")
    return tuple(value)


def _release(value: object, place: str) -> str | None:
    if value is None or (isinstance(value, str) and _RELEASE.fullmatch(value)):
        return value
    raise FleetError(f"{place}: {value!r} is not a release id: letters, digits, '.', '_' and '-' only")


def _releases(raw: dict[str, Any], key: str, names: set[str]) -> dict[str, str | None]:
    section: dict[str, Any] = _typed(raw, key, dict, {})
    for name in section:
        if name not in names:
            raise FleetError(f"{key}: host {name!r} is not among the hosts of this request")
    return {name: _release(value, f"{key}.{name}") for name, value in section.items()}


def _rollback_targets(raw: dict[str, Any], names: set[str]) -> dict[str, str]:
    named = {name: release for name, release in _releases(raw, "to", names).items() if release is not None}
    missing = sorted(names - set(named))
    if missing:
        raise FleetError(f"to: no release for {', '.join(missing[:5])}; a rollback names one for every host")
    return named


def _targets(raw: dict[str, Any], transport: str) -> tuple[Target, ...]:
    root = _typed(raw, "root", str, "")
    if transport != "command" and not root.startswith("/"):
        raise FleetError(f"root: must be an absolute path on the host, found {root!r}")
    check_template(root, "root", ("name", "address", "role"))
    try:
        hosts = parse_inventory(_typed(raw, "hosts", list, []))
    except CdError as error:
        raise FleetError(f"hosts: {error}") from error
    targets = tuple(Target(h, expand(root, Place(h.name, h.address, "", "", h.role))) for h in hosts)
    if transport == "command":
        return targets
    owners: dict[tuple[str, str], str] = {}
    for target in targets:
        place = ("" if transport == "local" else f"{target.address} {target.host.port or ''}", target.root)
        if place in owners:
            raise FleetError(f"root: {owners[place]} and {target.name} share {target.root}; put {{name}} into root")
        owners[place] = target.name
    return targets


def _commands(raw: dict[str, Any], transport: str) -> dict[str, tuple[str, ...]]:
    section: dict[str, Any] = _typed(raw, "commands", dict, {})
    _known(section, set(COMMANDS), "commands")
    commands = {name: _strings(section, name) for name in COMMANDS if section.get(name) is not None}
    missing = [name for name in COMMANDS[:3] if transport == "command" and not commands.get(name)]
    if missing:
        raise FleetError(f"commands.{missing[0]}: missing; the transport command needs it")
    return commands


def _health(raw: dict[str, Any]) -> dict[str, Any]:
    section = _section(raw, "health", _HEALTH_KEYS)
    if section and "url" not in section:
        raise FleetError("health.url: missing; write http://{address}:8080/healthz or leave health out")
    if section:
        check_template(section["url"], "health.url", ("name", "address", "role", "release", "root"))
        if not section["url"].startswith(("http://", "https://")):
            raise FleetError(f"health.url: must be http:// or https://, found {section['url']!r}")
    return section


_PARALLEL = {"stage": 16, "switch": 64, "drain": 16}


def _parallel(raw: dict[str, Any], kind: str) -> int:
    value = _section(raw, "parallel", dict.fromkeys(_PARALLEL, int)).get(kind, _PARALLEL[kind])
    if value < 1:
        raise FleetError(f"parallel.{kind}: must be at least 1, found {value}")
    return int(value)
