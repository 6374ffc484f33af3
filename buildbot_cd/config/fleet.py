# SPDX-License-Identifier: GPL-2.0-only
"""What is built and where it goes: the sections `release`, `fleet` and `rollout`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StrictInt, model_validator

from buildbot_cd.config.section import Argv, HostArgv, HostPlace, Name, RelativePath, Section, Text
from buildbot_cd.config.units import Amount, Duration, HostAmount, Pause

Port = Annotated[StrictInt, Field(ge=1, le=65535)]


class Release(Section):
    """How a revision becomes the files that hosts carry."""

    worker: Name
    """The name of the deploy worker: it builds the release and holds the keys to the hosts."""
    build: Argv | None = None
    """A command to run in the checkout; without it the release is the checkout as it is."""
    path: RelativePath = "."
    """The directory of the checkout that goes to the hosts."""
    python: Text = "python3"
    """The Python (3.11 or newer, with `buildbot_cd[fleet]`) on that worker."""


class Host(Section):
    """One host of the fleet."""

    name: Annotated[Name, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$")]
    """What the host is called in records, on pages and in `{name}`; no other host may be called the same."""
    address: Annotated[Name, Field(pattern=r"^[A-Za-z0-9:][A-Za-z0-9:._%-]{0,252}$")] = Field(
        default_factory=lambda data: str(data["name"])
    )
    """Name or IP address to reach it by; the host's name if left out."""
    role: Annotated[Name, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = "default"
    """What the host does; each role is represented among the canaries."""
    port: Port | None = None
    """The port of its sshd, where it differs from `fleet.ssh.port`."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data


def _distinct(hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    """Two entries for one machine would switch it twice, and count it twice in the canary."""
    seen: dict[object, str] = {}
    for host in hosts:
        place = (host.address, host.port)
        if host.name in seen:
            raise ValueError(f"names the host {host.name} twice")
        if place in seen:
            raise ValueError(f"gives {seen[place]} and {host.name} the same address {host.address}")
        seen[host.name] = seen[place] = host.name
    return hosts


Hosts = Annotated[tuple[Host, ...], Field(min_length=1), AfterValidator(_distinct)]


class Inventory(Section):
    """Where the list of hosts comes from. In the file a plain list stands for `inline`."""

    inline: Hosts | None = None
    """The hosts themselves."""
    file: Text | None = None
    """A YAML or JSON file with the list, relative to the folder of cd.yaml; read anew for each rollout."""
    command: Argv | None = None
    """A command that prints such a list, run in the folder of cd.yaml for each rollout."""

    @model_validator(mode="before")
    @classmethod
    def _list_is_inline(cls, data: Any) -> Any:
        return {"inline": data} if isinstance(data, list) else data

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(source is not None for source in (self.inline, self.file, self.command)) != 1:
            raise ValueError("should be a list of hosts, or hold exactly one of 'file' and 'command'")
        return self


def _http(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("should begin with http:// or https://")
    return text


HostUrl = Annotated[HostPlace, AfterValidator(_http)]
Url = Annotated[Name, AfterValidator(_http)]


class Health(Section):
    """How a host shows that it is well, and which release it serves."""

    url: HostUrl
    """Answers with a status of 200 to 299 if the host is well; may hold `{name}`, `{address}` and `{role}`."""
    release_header: Annotated[Name, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    """The header of the answer that names the release; with it a host is well only if it serves the right one."""
    timeout: Duration = 10.0
    """How long a host may take from its switch to a good answer."""


class Parallel(Section):
    """How many hosts are worked on at a time."""

    stage: Annotated[StrictInt, Field(ge=1, le=10_000)] = 20
    """Hosts that receive files at a time."""
    switch: Annotated[StrictInt, Field(ge=1, le=10_000)] = 100
    """Hosts that switch at a time."""


class Ssh(Section):
    """How the deploy worker logs in."""

    user: Annotated[Name, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")] | None = None
    """The account on the hosts; that of the deploy worker's process if left out."""
    port: Port = 22
    """The port of sshd."""
    key_file: Text | None = None
    """The private key, a path on the deploy worker; its agent and default keys if left out."""
    known_hosts: Text | None = None
    """The hosts' public keys, a path on the deploy worker; `~/.ssh/known_hosts` if left out. Always checked."""


class Fleet(Section):
    """The hosts, and how a release comes to life on one of them."""

    transport: Literal["ssh", "local"]
    """`ssh` for real hosts; `local` for directories on the deploy worker's own machine."""
    hosts: Inventory
    """The hosts: a list, `{file: ...}` or `{command: [...]}`."""
    root: HostPlace
    """The directory on a host that holds `releases/` and `current`; may hold `{name}`, `{address}` and `{role}`."""
    restart: HostArgv | None = None
    """A command to run on a host after each switch; may hold `{name}`, `{address}`, `{role}` and `{release}`."""
    health: Health | None = None
    """How a host shows that it is well."""
    parallel: Parallel = Parallel()
    """How many hosts are worked on at a time."""
    keep: Annotated[StrictInt, Field(ge=2, le=1000)] = 5
    """How many releases stay on a host; the current and the previous one are never removed."""
    ssh: Ssh = Ssh()
    """How the deploy worker logs in."""


def _default_budget(data: dict[str, Any]) -> Amount:
    """A canary that fails is a reason to stop; in a whole fleet some host is always away."""
    hosts = data.get("hosts")
    return Amount(share=0.02) if isinstance(hosts, Amount) and hosts.everything else Amount(count=0)


class RolloutStage(Section):
    """One step on the way over the fleet."""

    stage: Annotated[Name, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$")]
    """The stage's name."""
    hosts: HostAmount
    """How many hosts carry the release when this stage is done, those of earlier stages included."""
    watch: Pause = 0.0
    """How long the immune system watches before the stage counts as good."""
    budget: HostAmount = Field(default_factory=_default_budget)
    """How many hosts of the stage may be unreachable, failed or unhealthy, together."""
