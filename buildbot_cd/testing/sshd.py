# SPDX-License-Identifier: GPL-2.0-only
"""A fleet of ssh hosts on one machine: real sshd processes on loopback addresses, with own keys and faults on demand.

Every address ends up in the same account; hosts are told apart by their name in the root (``/tmp/x/{name}``) or by
their address. Nothing listens beyond loopback and no file outside of the given folder is used, except for /run/sshd.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildbot_cd.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ADDRESSES = tuple(f"127.1.0.{number}" for number in range(1, 21))
_PER_SERVER = 16  # OpenSSH's limit of listening sockets
_READY_SECONDS = 15.0

_CONFIG = """\
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
MaxStartups 1000:30:2000
MaxSessions 100
"""

# The server runs this for every session; its own address selects the fault that a test has written for it.
_LOGIN = """\
#!/bin/sh
set -- $SSH_CONNECTION
fault=$(cat "{folder}/faults/$3" 2>/dev/null)
case "$fault" in
    refuse) echo "this host takes no commands" >&2; exit 1 ;;
    hang) exec cat > /dev/null ;;  # ends with the connection
    small-disk) ulimit -f 64 ;;
    no-rsync) PATH="{folder}/bin"; export PATH ;;
    slow) sleep 1 ;;
    forced) exec "{folder}/forced" "$3" ;;  # as a command in authorized_keys would be
esac
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
"""


@dataclass(frozen=True, slots=True)
class SshFleet:
    """Running servers. ``ssh`` is the section of that name for the fan-out program's request."""

    folder: Path
    port: int
    addresses: tuple[str, ...]

    @property
    def ssh(self) -> dict[str, Any]:
        """User, port, key and known hosts; ``config`` is an empty file, so that the caller's own does not interfere."""
        return {
            "user": getpass.getuser(),
            "port": self.port,
            "key_file": str(self.folder / "key"),
            "known_hosts": str(self.folder / "known_hosts"),
            "config": str(self.folder / "ssh_config"),
        }

    def hosts(self) -> list[dict[str, str]]:
        """One host an address, named h-01, h-02, ..., in two roles."""
        return [
            {"name": f"h-{n:02}", "address": address, "role": "web" if n % 4 else "db"}
            for n, address in enumerate(self.addresses, start=1)
        ]

    def fault(self, address: str, kind: str | None) -> None:
        """Let sessions at ``address`` go wrong from now on, or (None) no more.

        ``refuse``: end at once; ``hang``: never answer; ``small-disk``: no file above 32 kB;
        ``no-rsync``: not installed; ``slow``: a second late; ``forced``: whatever is asked, runs the program ``forced``
        of the folder, with the address as its argument.
        """
        path = self.folder / "faults" / address
        if kind is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(kind)


def config(folder: Path, port: int, listen: Sequence[str], *more: str) -> str:
    """The configuration of a server with the keys of `make_keys`, for hundreds of logins at once."""
    return _CONFIG.format(folder=folder, port=port) + "".join(
        f"{line}\n" for line in (*(f"ListenAddress {address}" for address in listen), *more)
    )


def make_keys(folder: Path) -> str:
    """Keys of the server and of who may log in, and an empty configuration of the client; gives the public host key."""
    for key in ("key", "host_key"):
        (folder / key).unlink(missing_ok=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(folder / key)], check=True
        )
    shutil.copy(folder / "key.pub", folder / "authorized_keys")
    (folder / "ssh_config").write_text("")
    return (folder / "host_key.pub").read_text()


def sshd_program() -> str:
    """The server's path, which it must be started by. Raises FleetError where there is none.

    Makes the one folder outside of ours that OpenSSH's server wants to exist when it runs as root.
    """
    program = _sshd()
    if program is None:
        raise FleetError(missing())
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    return program


def missing() -> str:
    """Why a fleet cannot be started on this machine; empty if it can."""
    if _sshd() is None:
        return "no sshd on this machine: apt-get install openssh-server"
    if shutil.which("ssh-keygen") is None:
        return "no ssh-keygen on this machine: apt-get install openssh-client"
    return "" if sys.platform == "linux" else "only Linux answers on all of 127.0.0.0/8"


@contextmanager
def ssh_fleet(folder: Path, addresses: Sequence[str] = ADDRESSES) -> Iterator[SshFleet]:
    """Servers for ``addresses`` until the block ends.

    :raises FleetError: an address is not loopback, or the servers did not come up; with what they said.
    """
    for address in addresses:
        if not address.startswith("127."):
            raise FleetError(f"{address} is not a loopback address")
    fleet = SshFleet(folder, _free_port(addresses), tuple(addresses))
    _write_files(fleet)
    servers: list[subprocess.Popen[bytes]] = []
    try:
        for first in range(0, len(addresses), _PER_SERVER):
            servers.append(_start(fleet, first // _PER_SERVER, addresses[first : first + _PER_SERVER]))  # noqa: PERF401
        _wait(fleet, servers)
        yield fleet
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(timeout=10)


def _sshd() -> str | None:
    return shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


def _free_port(addresses: Sequence[str]) -> int:
    """A port that is free on the first address; the others are ours alone in practice."""
    with socket.socket() as probe:
        probe.bind((addresses[0], 0))
        return int(probe.getsockname()[1])


def _write_files(fleet: SshFleet) -> None:
    folder = fleet.folder
    for name in ("faults", "home", "bin"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    host_key = make_keys(folder)
    known = "".join(f"[{address}]:{fleet.port} {host_key}" for address in fleet.addresses)
    (folder / "known_hosts").write_text(known)
    login = folder / "login"
    login.write_text(_LOGIN.format(folder=folder))
    login.chmod(login.stat().st_mode | stat.S_IXUSR)
    # all that a host without rsync has; not the python3 of PATH, which may be a script that needs more than that
    for name, program in (("python3", str(Path(sys.executable).resolve())), ("sh", "/bin/sh")):
        (folder / "bin" / name).unlink(missing_ok=True)
        (folder / "bin" / name).symlink_to(program)


def _start(fleet: SshFleet, number: int, addresses: Sequence[str]) -> subprocess.Popen[bytes]:
    path = fleet.folder / f"sshd-{number}.conf"
    own = (f"SetEnv HOME={fleet.folder}/home", f"ForceCommand {fleet.folder}/login")
    path.write_text(config(fleet.folder, fleet.port, addresses, *own))
    program = sshd_program()
    log = fleet.folder / f"sshd-{number}.log"
    return subprocess.Popen(
        [program, "-D", "-f", str(path), "-E", str(log)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _wait(fleet: SshFleet, servers: list[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + _READY_SECONDS
    for address in fleet.addresses:
        while not _answers(address, fleet.port):
            if any(server.poll() is not None for server in servers) or time.monotonic() > until:
                logs = " ".join(path.read_text()[-500:] for path in sorted(fleet.folder.glob("sshd-*.log")))
                raise FleetError(f"sshd did not come up on {address}: {logs}")
            time.sleep(0.02)


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1) as probe:
            return probe.recv(4) == b"SSH-"
    except OSError:
        return False
