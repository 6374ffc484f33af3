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
    early: bool = True
    """Build the release and bring it to the hosts while the checks run. It is switched only when they have passed."""
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
    drain: Annotated[StrictInt, Field(ge=1, le=10_000)] = 10
    """Hosts that are out of traffic at a time, where `drain` is given."""


class Ssh(Section):
    """How the deploy worker logs in."""

    user: Annotated[Name, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")] | None = None
    """The account on the hosts; that of the deploy worker's process if left out."""
    port: Port | None = None
    """The port of sshd; that of `~/.ssh/config`, else 22, if left out."""
    key_file: Text | None = None
    """The private key, a path on the deploy worker; its agent and default keys if left out."""
    known_hosts: Text | None = None
    """The hosts' public keys, a path on the deploy worker; `~/.ssh/known_hosts` if left out. Always checked."""
    config: Text | None = None
    """OpenSSH's configuration, a path on the deploy worker: jump hosts, aliases. `~/.ssh/config` if left out."""


class Drain(Section):
    """How a host is taken out of traffic while its service is touched; both run on the host."""

    out: HostArgv
    """A command after which no new requests reach the host, and which ends when the old ones are done."""
    back: HostArgv
    """A command that lets requests come again. It runs once the host is healthy, never before."""


class Timeouts(Section):
    """How long one host may take for each thing; then it counts as unreachable or failed."""

    connect: Duration = 10.0
    """A connection."""
    verb: Duration = 30.0
    """A short message to a host and its answer."""
    payload: Duration = 900.0
    """The files of a release."""
    restart: Duration = 60.0
    """The command `restart`."""
    drain: Duration = 60.0
    """Each of the commands in `drain`."""


class Commands(Section):
    """With the transport `command`: programs on the deploy worker which do what ssh does elsewhere, one host a call."""

    status: HostArgv
    """Prints the release that the host carries as its last line, or nothing if it carries none."""
    stage: HostArgv
    """Brings the release in the current directory to the host; serves nobody with it yet."""
    switch: HostArgv
    """Lets the host serve `{release}`; may be asked again, and must then do no harm."""
    rollback: HostArgv | None = None
    """Lets the host serve the earlier `{release}` again; `switch` if left out."""


class Fleet(Section):
    """The hosts, and how a release comes to life on one of them."""

    transport: Literal["ssh", "local", "command"]
    """`ssh` for real hosts; `local` for directories on the deploy worker's own machine; `command` for other tools."""
    hosts: Inventory
    """The hosts: a list, `{file: ...}` or `{command: [...]}`."""
    root: HostPlace | None = None
    """The directory on a host that holds `releases/` and `current`; may hold `{name}`, `{address}` and `{role}`."""
    restart: HostArgv | None = None
    """A command to run on a host after each switch; may hold `{name}`, `{address}`, `{role}` and `{release}`."""
    drain: Drain | None = None
    """How a host is taken out of traffic while its service is touched."""
    health: Health | None = None
    """How a host shows that it is well."""
    pull: HostArgv | None = None
    """A command, run on a host in an empty folder, that fetches `{release}` into it: instead of copying it there."""
    payload: Literal["auto", "stream", "rsync"] = "auto"
    """How files travel: through the open connection (`stream`), by `rsync`, or as it suits their size (`auto`)."""
    commands: Commands | None = None
    """With the transport `command`: the programs that do the work."""
    parallel: Parallel = Parallel()
    """How many hosts are worked on at a time."""
    keep: Annotated[StrictInt, Field(ge=2, le=1000)] = 5
    """How many releases stay on a host; the current and the previous one are never removed."""
    budget: HostAmount | None = None
    """How many hosts of the whole fleet may be unreachable, failed or unhealthy, together, in whatever stage."""
    timeouts: Timeouts = Timeouts()
    """How long one host may take for each thing."""
    lease: Text | None = None
    """A file on the deploy worker: whoever else changes these hosts names it too, and then one waits for the other."""
    repair: Pause = 0.0
    """How often all hosts are probed, and those on a wrong release put right; never, if left out."""
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
    before: Argv | None = None
    """A command on the deploy worker, run in the checkout before the stage's hosts switch; if it fails, none does."""
    after: Argv | None = None
    """A command on the deploy worker, run after the stage's hosts have switched; if it fails, the rollout ends."""
