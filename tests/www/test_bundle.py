# SPDX-License-Identifier: GPL-2.0-only
"""The pages' own tests, the bundle's size, and what a master does with and without a bundle."""

from __future__ import annotations

import gzip
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from buildbot.plugins.db import get_plugins
from twisted.web.test.requesthelper import DummyRequest

from buildbot_cd.plugins import configurator
from buildbot_cd.www.application import BUNDLE, STATIC, Pages, is_built

ROOT = Path(__file__).parents[2]
UI = ROOT / "buildbot_cd" / "www" / "ui"
LIMIT = 150_000
"""Bytes of the whole bundle, compressed."""


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """The program that builds the pages."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def built(hook: ModuleType) -> Path:
    """The bundle of these very sources."""
    if not is_built():
        pytest.skip("the pages are not built: run `make ui`, which needs Node 20 or newer")
    assert hook.STAMP.read_text("utf-8") == hook.sources_hash(), "the bundle is older than its sources: run `make ui`"
    return STATIC


def npm(*arguments: str) -> None:
    """Run a script of the pages' package; the assertion shows its output."""
    program = shutil.which("npm")
    if program is None:
        pytest.skip("npm is not on this machine")
    done = subprocess.run(
        [program, "run", "--silent", *arguments],
        cwd=UI,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_pages_types_are_sound(built: Path) -> None:
    """TypeScript has nothing to say, with every strict option on."""
    npm("check")


def test_the_pages_own_tests_pass(built: Path) -> None:
    """The views are computed rightly, and the bundle registers itself with what Buildbot's page has."""
    npm("test")


def test_the_bundle_is_small(built: Path) -> None:
    """All of it is at most 150 kB as it travels."""
    sizes = {name: len(gzip.compress((built / name).read_bytes())) for name in BUNDLE}
    assert sum(sizes.values()) <= LIMIT, sizes


def test_every_style_is_our_own(built: Path) -> None:
    """No rule can touch Buildbot's own pages: each begins with our prefix, or with the charts'."""
    text = (built / "styles.css").read_text("utf-8")
    heads = [part.rpartition("}")[2].strip() for part in text.split("{")[:-1]]
    rules = [head for head in heads if head and not head.startswith(("@", "from", "to", "0%", "100%"))]
    assert len(rules) > 100
    single = [one for head in rules for one in re.sub(r"\([^()]*\)", "", head).split(",")]
    foreign = [one for one in single if not any(ours in one for ours in ("bbcd", ".u-", "uplot"))]
    assert foreign == []


@pytest.mark.parametrize(
    ("accepts", "packed"), [(b"gzip, deflate, br", True), (b"br", False), (b"gzip;q=0", False), (None, False)]
)
def test_browsers_ask_each_time_and_get_what_they_take(built: Path, accepts: bytes | None, packed: bool) -> None:
    """The names never change, so a new version must not hide behind an old copy; compressed when it was built."""
    request = DummyRequest([b"scripts.js"])
    if accepts is not None:
        request.requestHeaders.setRawHeaders(b"accept-encoding", [accepts])
    Pages().resource.getChild(b"scripts.js", request).render_GET(request)
    told = dict(request.responseHeaders.getAllRawHeaders())
    assert told[b"Cache-Control"] == [b"no-cache"]
    assert told[b"Vary"] == [b"accept-encoding"]
    assert told.get(b"Content-Encoding") == ([b"gzip"] if packed else None)
    assert b"javascript" in told[b"Content-Type"][0]
    content = b"".join(request.written)
    assert (gzip.decompress(content) if packed else content) == (built / "scripts.js").read_bytes()


def shown(monkeypatch: pytest.MonkeyPatch, folder: Path, www: Any) -> tuple[dict[str, Any], list[str]]:
    """The configuration and the log after the configurator has looked for the pages in this folder."""
    said: list[str] = []
    monkeypatch.setattr(configurator.log, "msg", said.append)
    monkeypatch.setattr(get_plugins("www", None, load_now=True).get("cd"), "folder", folder)  # type: ignore[no-untyped-call]
    ours = configurator.ContinuousDeployment()
    config = {} if www is None else {"www": www}
    ours.config_dict = config
    ours._show_pages()
    return config, said


def test_a_master_without_a_bundle_starts_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin is not offered, and one line of the log names the remedy."""
    config, said = shown(monkeypatch, tmp_path, {"port": 8010})
    assert config["www"]["plugins"] == {}
    assert len(said) == 1
    assert "make ui" in said[0]


def test_a_master_with_a_bundle_offers_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lines in master.cfg are enough; what the master has set already stays."""
    for name in BUNDLE:
        (tmp_path / name).touch()
    assert shown(monkeypatch, tmp_path, {"port": 8010}) == ({"www": {"port": 8010, "plugins": {"cd": {}}}}, [])
    own = {"port": 8010, "plugins": {"cd": {"theme": "dark"}, "grid_view": {}}}
    assert shown(monkeypatch, tmp_path, own) == ({"www": own}, [])
    assert shown(monkeypatch, tmp_path, {"port": None}) == ({"www": {"port": None}}, [])
    assert shown(monkeypatch, tmp_path, None) == ({}, [])


def test_a_missing_node_is_named_with_the_remedy(
    hook: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`make ui` fails and says what is needed; `make setup` says it too and goes on."""
    monkeypatch.setattr(hook, "STAMP", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hook.main([]) == 1
    assert "Node 20 or newer" in capsys.readouterr().err
    assert hook.main(["--if-possible"]) == 0
    assert "everything else works without them" in capsys.readouterr().err


def test_an_old_node_is_refused(
    hook: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Vite would die with a riddle; we say which Node was found."""
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v18.20.4\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(hook, "STAMP", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hook.main([]) == 1
    assert "is v18.20.4" in capsys.readouterr().err


def test_the_pages_travel_in_a_wheel(built: Path, tmp_path: Path) -> None:
    """A wheel has the bundle and not what it is made from."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(next(tmp_path.glob("*.whl")))],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "buildbot_cd/www/static/scripts.js" in listed
    assert "buildbot_cd/www/static/styles.css" in listed
    assert "www/ui/" not in listed
