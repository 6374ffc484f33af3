# SPDX-License-Identifier: GPL-2.0-only
"""The files that follow from the answers: cd.yaml, two lines of master.cfg, a first map of the repository's tests."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from buildbot_cd.config import parse_repository
from buildbot_cd.config.master import parse_master
from buildbot_cd.errors import ConfigError

if TYPE_CHECKING:
    from buildbot_cd.cli.setup.answers import Answers

LINES = """\
from buildbot.plugins import util
c['configurators'] = [*c.get('configurators', []), util.cd.ContinuousDeployment('cd.yaml')]
"""
NOTE = "\n# Continuous deployment: everything else is in cd.yaml beside this file.\n"
MAP = ".buildbot-cd.yaml"

EVERYTHING = (
    "conftest.py",
    "**/conftest.py",
    "pytest.ini",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "tox.ini",
    "requirements*.txt",
)
"""Files whose change may mean anything, where a repository has them."""

LEFT_OUT = {".git", ".venv", "venv", "node_modules", "build", "dist", "__pycache__"}


@dataclass(frozen=True)
class Place:
    """Where releases lie on each host, who logs in there (None: the deploy worker's own account), and the worker's
    Python with this package (None: ``python3``).
    """

    root: str = "/srv/app"
    user: str | None = None
    python: str | None = None

    def beside(self, worker: str, **more: str) -> str:
        """The mapping that names a worker and its Python."""
        return _flow({"worker": worker, **more, **({"python": self.python} if self.python else {})})


def cd_yaml(answers: Answers, place: Place, *, shadow: bool) -> str:
    """cd.yaml, checked as the master will check it. Raises ConfigErrors."""
    parts = [
        "# Continuous deployment of this master: docs/reference/configuration.md tells every key.",
        f"trunk: {_flow({'repository': answers.repository, 'branch': answers.branch})}",
        f"git: {place.beside(answers.worker, author=answers.author)}",
        "gate: {shadow: true}  # decide and tell, but push and deploy nothing: take this out when you trust it"
        if shadow
        else "gate: {}",
        "checks:",
        *(f"  - builder: {_flow(name)}" for name in answers.builders),
    ]
    if answers.tests:
        parts.append(f"  - tests: {_flow({'runner': 'pytest', 'workers': list(answers.tests)})}")
    if answers.hosts:
        parts += _deploying(answers, place)
    text = "\n".join(parts) + "\n"
    try:
        parse_master(text)
    except ConfigError as error:
        raise ConfigError(f"with these answers cd.yaml cannot be used:\n{error}") from error
    return text


def _deploying(answers: Answers, place: Place) -> list[str]:
    canary = max(1, round(len(answers.hosts) * 0.05))
    stages = ["  - {stage: fleet, hosts: all}"]
    if len(answers.hosts) > 1:
        stages.insert(0, f"  - {{stage: canary, hosts: {canary}}}")
    return [
        f"release: {place.beside(answers.worker)}  # add `build: [make, dist]` and `path: dist/` if it is built",
        "fleet:",
        "  transport: ssh",
        f"  hosts: {_flow(list(answers.hosts))}",
        f"  root: {_flow(place.root)}  # holds releases/ and current on each host",
        *([f"  ssh: {_flow({'user': place.user})}"] if place.user else []),
        "rollout:",
        *stages,
    ]


def _flow(value: object) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
        .strip()
        .removesuffix("\n...")
        .strip()
    )


def with_lines(text: str) -> str:
    """master.cfg with our two lines at its end; as it is if they are there."""
    if "cd.ContinuousDeployment" in text:
        return text
    name = re.search(r"^(\w+)\s*=.*\bBuildmasterConfig\b|^BuildmasterConfig\s*=\s*(\w+)\s*=", text, re.MULTILINE)
    variable = (name[1] or name[2]) if name else "BuildmasterConfig"
    lines = LINES if variable == "c" else LINES.replace("c[", f"{variable}[").replace("c.get", f"{variable}.get")
    return text.rstrip("\n") + "\n" + NOTE + lines


def repository_map(checkout: Path) -> str:
    """A first .buildbot-cd.yaml: a tag for each source file that has a test file of its own. Raises ConfigErrors."""
    files = sorted(_files(checkout))
    tests = {path.stem.removeprefix("test_"): path for path in files if re.fullmatch(r"test_\w+\.py", path.name)}
    sources = {path.stem: path for path in files if path.suffix == ".py" and not path.name.startswith("test_")}
    tags = sorted(set(tests) & set(sources))
    whole = [name for name in EVERYTHING if any(checkout.glob(name))]
    value: dict[str, object] = {}
    if tags:
        value["tests"] = {"files": [{"glob": tests[tag].as_posix(), "tags": [tag]} for tag in tags]}
    rules: list[dict[str, object]] = [{"paths": sources[tag].as_posix(), "tags": [tag]} for tag in tags]
    value["rules"] = rules + ([{"paths": whole, "run": "all"}] if whole else [])
    if not value["rules"]:
        del value["rules"]
    head = "# Which tests a change needs. What no rule knows runs everything; a rule only ever adds.\n"
    text = head + (yaml.safe_dump(value, sort_keys=False, width=120) if value else "{}\n")
    parse_repository(text)
    return text


def _files(checkout: Path) -> list[Path]:
    found = []
    for folder, below, names in os.walk(checkout):
        below[:] = sorted(name for name in below if name not in LEFT_OUT and not name.startswith("."))
        found += [Path(folder, name).relative_to(checkout) for name in names]
    return found


def write(path: Path, text: str) -> None:
    """Write a file as a whole or not at all. Raises ConfigError with the remedy if that is not possible."""
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            file.write(text)
        Path(file.name).chmod(mode)
        Path(file.name).replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error}): run this as the user who owns it") from error
