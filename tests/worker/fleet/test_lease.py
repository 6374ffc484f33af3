# SPDX-License-Identifier: GPL-2.0-only
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from buildbot_cd.errors import FleetError
from buildbot_cd.testing.fleet import MODULE
from buildbot_cd.worker.fleet.lease import give_back, take


def test_one_owner_at_a_time_for_a_time(tmp_path: Path) -> None:
    """A second owner is refused and told whose the lease is, until it runs out; an owner renews its own."""
    path = str(tmp_path / "lease")
    take(path, "gate shop", 60.0, 1000.0)
    with pytest.raises(FleetError, match=r"gate shop is changing this fleet until \S+, Ada has to wait"):
        take(path, "Ada", 60.0, 1059.0)
    take(path, "gate shop", 60.0, 1050.0)
    with pytest.raises(FleetError):
        take(path, "Ada", 60.0, 1109.0)
    take(path, "Ada", 60.0, 1111.0)


def test_only_the_owner_gives_it_back(tmp_path: Path) -> None:
    """A refused one cannot end somebody else's lease."""
    path = str(tmp_path / "lease")
    take(path, "gate shop", 60.0, 1000.0)
    assert not give_back(path, "Ada")
    with pytest.raises(FleetError):
        take(path, "Ada", 60.0, 1001.0)
    assert give_back(path, "gate shop")
    assert not give_back(path, "gate shop")
    take(path, "A", 60.0, 1001.0, fence=7)
    assert not give_back(path, "A", fence=6)  # a repair that ends while the next rollout has begun
    assert give_back(path, "A", fence=7)


def test_a_damaged_lease_is_named(tmp_path: Path) -> None:
    """A file that is no lease stops the rollout and names itself."""
    (tmp_path / "lease").write_text("{")
    with pytest.raises(FleetError, match="is not JSON"):
        take(str(tmp_path / "lease"), "A", 1.0, 0.0)


def test_a_command_without_the_lease_touches_nothing(tmp_path: Path, payload: Path) -> None:
    """The program ends with 2 and says who holds the lease; with the owner's name it works, and gives it back."""
    hosts = [{"name": "h0", "address": "127.0.0.1"}]
    base: dict[str, Any] = {"transport": "local", "root": f"{tmp_path}/hosts/{{name}}", "hosts": hosts, "fence": 1}
    request = {**base, "verb": "stage", "release": "r-1", "payload": str(payload)}

    def run(*options: str) -> tuple[int, str]:
        argv = [*MODULE, "--lease", str(tmp_path / "lease"), *options]
        done = subprocess.run(argv, input=json.dumps(request), capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    assert run("--owner", "Ada")[0] == 0
    code, said = run("--owner", "Grace")
    assert (code, "Ada is changing this fleet" in said) == (2, True)
    assert run("--owner", "Grace", "--stop")[0] == 0
    assert run("--owner", "Grace")[0] == 2
    assert run("--owner", "Ada", "--stop")[0] == 0
    assert run("--owner", "Grace")[0] == 0
