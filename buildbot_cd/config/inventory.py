# SPDX-License-Identifier: GPL-2.0-only
"""The list of hosts from a file or from a command's output."""

from __future__ import annotations

from buildbot_cd.config.document import parse
from buildbot_cd.config.fleet import Host, Hosts
from buildbot_cd.config.problems import ConfigErrors
from buildbot_cd.config.section import Section
from buildbot_cd.config.validation import validate


class _HostList(Section):
    hosts: Hosts


def parse_hosts(text: str, file: str) -> tuple[Host, ...]:
    """Return the hosts in `text`, a list in YAML or JSON as under `fleet.hosts`; `file` is what errors call it.

    Raises:
        ConfigErrors: it is no such list, holds no host, or one twice.
    """
    document = parse(text, file)
    if not isinstance(document.value, list):
        raise ConfigErrors([document.problem((), "should be a list of hosts, each with name, address and role")])
    listed, problems = validate(_HostList, {"hosts": document.value}, document)
    if listed is None:
        raise ConfigErrors(problems)
    return listed.hosts
