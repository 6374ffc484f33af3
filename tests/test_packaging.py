# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from buildbot.interfaces import IBuildStep, IConfigurator, IScheduler
from buildbot.plugins.db import get_plugins
from buildbot.reporters.base import ReporterBase
from zope.interface.verify import verifyClass

import buildbot_cd

ROOT = Path(buildbot_cd.__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
GROUPS: dict[str, dict[str, str]] = PROJECT.get("entry-points", {})


def load(reference: str) -> Any:
    """The object behind `module:name`."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def test_every_entry_point_imports() -> None:
    """A master imports these when it starts, and one that fails is fatal to it."""
    for group in GROUPS.values():
        for name, reference in group.items():
            assert load(reference) is not None, name
            assert name == "cd" or name.startswith("cd."), "names of ours begin with cd"
    for reference in PROJECT.get("scripts", {}).values():
        assert callable(load(reference))


def test_entry_points_are_what_buildbot_asks_for() -> None:
    """Buildbot verifies schedulers and steps when it loads them; here they are verified before anybody installs."""
    for reference in GROUPS["buildbot.schedulers"].values():
        assert verifyClass(IScheduler, load(reference), tentative=True)
    for reference in GROUPS["buildbot.steps"].values():
        assert verifyClass(IBuildStep, load(reference), tentative=True)
    for reference in GROUPS["buildbot.reporters"].values():
        assert issubclass(load(reference), ReporterBase)
    for name, reference in GROUPS["buildbot.util"].items():
        assert inspect.isclass(load(reference))
        if name == "cd.ContinuousDeployment":
            assert IConfigurator.implementedBy(load(reference))
    for reference in GROUPS["buildbot.www"].values():
        assert hasattr(load(reference), "resource")


def test_what_is_installed_is_what_the_project_says() -> None:
    """An editable installation keeps the entry points of the day it was made."""
    try:
        distribution = importlib.metadata.distribution("buildbot_cd")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("buildbot_cd is not installed here; run `make setup`")
    found = {(point.group, point.name): point.value for point in distribution.entry_points}
    told = {(group, name): value for group, points in GROUPS.items() for name, value in points.items()}
    told |= {("console_scripts", name): value for name, value in PROJECT.get("scripts", {}).items()}
    assert found == told, "run `touch pyproject.toml; make setup`"
    assert distribution.version == buildbot_cd.__version__


def test_buildbot_finds_the_plugins() -> None:
    """With the package installed every name is there under `from buildbot.plugins import ...`."""
    for group, points in GROUPS.items():
        known = get_plugins(group.removeprefix("buildbot."), None).names  # type: ignore[no-untyped-call]
        assert set(points) <= set(known)


def test_every_dependency_has_its_reason() -> None:
    """A dependency is chosen, and says why in the line where it stands."""
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    wanted = [
        *PROJECT["dependencies"],
        *(name for extra in PROJECT["optional-dependencies"].values() for name in extra),
    ]
    for requirement in wanted:
        assert any(f'"{requirement}",' in line and "  # " in line for line in lines), requirement


def test_every_source_file_names_its_license() -> None:
    """The first line of each of our modules is the SPDX identifier."""
    sources = [path for path in (ROOT / "buildbot_cd").rglob("*.py") if "shop" not in path.parts]
    assert sources
    bare = [
        path for path in sources if not path.read_text("utf-8").startswith("# SPDX-License-Identifier: GPL-2.0-only\n")
    ]
    assert not bare


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from this tree."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(target.glob("*.whl")))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Every module travels, and no test, document or leftover does."""
    names = wheel.namelist()
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "buildbot_cd").rglob("*.py")}
    assert ours <= set(names)
    info = f"buildbot_cd-{buildbot_cd.__version__}.dist-info/"
    assert all(name.startswith(("buildbot_cd/", info)) for name in names)
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_the_wheel_holds_the_ready_configurations(wheel: zipfile.ZipFile) -> None:
    """`buildbot-cd demo` works from an installed package, far from any checkout."""
    names = set(wheel.namelist())
    wanted = {"master/buildbot.tac", "master/master.cfg", "master/cd.yaml", "worker/buildbot.tac"}
    assert {f"buildbot_cd/cli/demo/ready/{name}" for name in wanted} <= names


def test_the_wheel_tells_version_and_license(wheel: zipfile.ZipFile) -> None:
    """The version comes from the package, and the license's text travels with it."""
    info = f"buildbot_cd-{buildbot_cd.__version__}.dist-info/"
    metadata = wheel.read(info + "METADATA").decode()
    assert "License-Expression: GPL-2.0-only" in metadata
    assert f"Version: {buildbot_cd.__version__}" in metadata
    assert b"GNU GENERAL PUBLIC LICENSE" in wheel.read(info + "licenses/LICENSE")
