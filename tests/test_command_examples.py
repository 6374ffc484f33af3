# SPDX-License-Identifier: GPL-2.0-only
"""The worked example of the transport `command`, played with stand-ins for kubectl and docker."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import buildbot_cd
from buildbot_cd.config import parse_master
from buildbot_cd.engine.fleet_request import settings_of

PAGE = (Path(buildbot_cd.__file__).parents[1] / "docs/how-to/command-transport.md").read_text("utf-8")
SSH = (Path(buildbot_cd.__file__).parents[1] / "docs/how-to/deploy-over-ssh.md").read_text("utf-8")
KUBECTL = f"""#!{sys.executable}
import pathlib, sys, yaml
state, words = pathlib.Path(__file__).parent / "labels", sys.argv[1:]
state.mkdir(exist_ok=True)
if words[0] == "get":
    assert words[3:] == ["-o", "jsonpath={{.spec.template.metadata.labels.release}}"], words
    place = state / words[2]
    sys.stdout.write(place.read_text() if place.exists() else "")
elif words[0] == "patch":
    template = yaml.safe_load(words[words.index("--patch") + 1])["spec"]["template"]
    release = template["metadata"]["labels"]["release"]
    assert template["spec"]["containers"][0]["image"].endswith(":" + release)
    assert (state.parent / "images" / release).exists(), "image was not pushed"
    (state / words[2]).write_text(release)
else:
    assert words[:2] == ["rollout", "status"], words
"""
DOCKER = f"""#!{sys.executable}
import pathlib, sys
images, words = pathlib.Path(__file__).parent / "images", sys.argv[1:]
images.mkdir(exist_ok=True)
place = images / words[-1].rpartition(":")[2]
if words[0] == "manifest":
    sys.exit(not place.exists())
if words[0] == "push":
    place.open("a").write("pushed\\n")
"""


def scripts() -> list[str]:
    """The shell scripts of the page, in their order."""
    return re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def examples(page: str) -> list[str]:
    """The configurations of a page that are whole."""
    return [text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if text.startswith("trunk:")]


@pytest.mark.parametrize("text", [*examples(PAGE), *examples(SSH)])
def test_the_whole_examples_are_valid(text: str) -> None:
    """Each can be used as it stands."""
    parse_master(text)


def test_the_kubernetes_example_rolls_out_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands and scripts switch eight cells, push the image once, and go back."""
    text = examples(PAGE)[1]
    assert yaml.safe_load(text)["fleet"]["hosts"][0] == "shop-1"
    for name, body in (
        ("kubectl", KUBECTL),
        ("docker", DOCKER),
        ("push-image", scripts()[0]),
        ("set-release", scripts()[1]),
    ):
        (tmp_path / name).write_text(body.replace("/tmp/push-image.lock", str(tmp_path / "lock")))  # noqa: S108 - the page's
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "Dockerfile").write_text("FROM scratch\n")
    config = parse_master(text.replace("/opt/cd/", f"{tmp_path}/"))
    assert config.fleet is not None
    assert config.fleet.hosts.inline is not None
    hosts = [{"name": host.name, "address": host.address} for host in config.fleet.hosts.inline]

    def run(**request: Any) -> set[str]:
        order = {"hosts": hosts, "fence": 1, **settings_of(config.fleet), **request}  # type: ignore[arg-type]
        done = subprocess.run(
            [sys.executable, "-m", "buildbot_cd.worker.fleet"], input=json.dumps(order),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return {one.read_text() for one in (tmp_path / "labels").iterdir()} if (tmp_path / "labels").exists() else set()

    for release in ("r-1", "r-2"):
        run(verb="stage", release=release, payload=str(tmp_path / "dist"))
        assert run(verb="switch", release=release) == {release}
    assert run(verb="rollback", to={host["name"]: "r-1" for host in hosts}) == {"r-1"}
    assert (tmp_path / "images" / "r-2").read_text() == "pushed\n"
