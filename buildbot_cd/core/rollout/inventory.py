# SPDX-License-Identifier: GPL-2.0-only
"""Read the list of hosts: a JSON list, plain lines, or an already decoded list.

Lines are ``name address [role]``; empty lines and what follows ``#`` are ignored. The JSON list holds objects with
``name``, ``address`` and, if wanted, ``role`` and ``port``.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping

from buildbot_cd.core.rollout.hosts import DEFAULT_ROLE, Host
from buildbot_cd.errors import ConfigError

_KEYS = ("name", "address", "role", "port")


def parse_inventory(source: str | Iterable[object]) -> tuple[Host, ...]:
    """Turn an inventory into hosts, in the order given.

    :param source: the text of a file or of a command's output, or a list of mappings.
    :raises ConfigError: naming the line (text) or the entry (list, counted from 1); also for an empty inventory and
        for a name that is there twice.
    """
    if isinstance(source, str):
        placed = _from_json(source) if source.lstrip().startswith("[") else _from_lines(source)
    else:
        placed = _from_entries(source)
    return _unique(placed)


def _from_lines(text: str) -> Iterator[tuple[str, Host]]:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        place = f"inventory line {number}"
        if len(words) not in (2, 3):
            raise ConfigError(f"{place}: expected 'name address [role]', found {len(words)} words: {line.strip()!r}")
        role = words[2] if len(words) == 3 else DEFAULT_ROLE
        yield place, _host(place, words[0], words[1], role)


def _from_json(text: str) -> Iterator[tuple[str, Host]]:
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"inventory line {error.lineno}: not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise ConfigError("inventory line 1: not valid JSON: nested too deeply") from error
    yield from _from_entries(entries)


def _from_entries(entries: Iterable[object]) -> Iterator[tuple[str, Host]]:
    for number, entry in enumerate(entries, start=1):
        place = f"inventory entry {number}"
        if not isinstance(entry, Mapping):
            raise ConfigError(f"{place}: expected an object with name, address and role, found {entry!r}")
        for key in entry:
            if key not in _KEYS:
                near = difflib.get_close_matches(str(key), _KEYS, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known keys are {', '.join(_KEYS)}"
                raise ConfigError(f"{place}: unknown key {key!r}{hint}")
        missing = [key for key in ("name", "address") if key not in entry]
        if missing:
            raise ConfigError(f"{place}: {' and '.join(missing)} missing")
        yield place, _host(place, entry["name"], entry["address"], entry.get("role", DEFAULT_ROLE), entry.get("port"))


def _host(place: str, name: str, address: str, role: str = DEFAULT_ROLE, port: int | None = None) -> Host:
    try:
        return Host(name, address, role, port)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error


def _unique(placed: Iterable[tuple[str, Host]]) -> tuple[Host, ...]:
    first: dict[str, str] = {}
    hosts: list[Host] = []
    for place, host in placed:
        if host.name in first:
            raise ConfigError(f"{place}: host {host.name!r} is there twice, first at {first[host.name]}; rename one")
        first[host.name] = place
        hosts.append(host)
    if not hosts:
        raise ConfigError("inventory: no hosts in it; a fleet needs at least one")
    return tuple(hosts)
