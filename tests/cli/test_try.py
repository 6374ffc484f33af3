# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import importlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.cli.main import main
from buildbot_cd.cli.patch import patch_of
from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from pathlib import Path

MAP = 'rules:\n  - {paths: "src/cart*", tags: cart}\ntags: {cart: the cart, tax: taxes}\n'
TESTS = (
    'import pytest\n@pytest.mark.tags("cart")\ndef test_cart(): pass\n@pytest.mark.tags("tax")\ndef test_tax(): pass\n'
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone with two tests, whose branch tracks origin's main."""
    top = tmp_path / "clone"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(tmp_path, "clone", "-q", "origin.git", "clone")
    (top / "src").mkdir()
    for name, text in (
        (".buildbot-cd.yaml", MAP),
        ("test_it.py", TESTS),
        ("src/cart.py", ""),
        ("pytest.ini", "[pytest]"),
    ):
        (top / name).write_text(text)
    commit(top, "first")
    git(top, "push", "-q", "-u", "origin", "HEAD:main")
    return top


def git(top: Path, *words: str) -> str:
    """Call git as somebody."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@shop.example"]
    return subprocess.run(["git", *who, *words], cwd=top, check=True, capture_output=True, text=True).stdout.strip()


def commit(top: Path, message: str) -> None:
    """Commit all."""
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", message)


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a stand-in for stock Buildbot's client writes its arguments, and behind them the patch."""
    place = tmp_path / "sent"
    client = (
        f"import json, sys\nline = sys.stdin.readline()\nargv = json.loads(line)\n"
        f"patch = open(argv[2].partition('=')[2]).read()\n"
        f"open({str(place)!r}, 'w').write(json.dumps([argv, patch, sys.argv]))\nsys.exit(3)\n"
    )
    monkeypatch.setattr(importlib.import_module("buildbot_cd.cli.commands.try"), "CLIENT", client)
    return place


def call(top: Path, *words: str) -> int:
    """The command's exit status."""
    return main(["try", "--top", str(top), "--python", sys.executable, *words])


def test_the_whole_change_goes_along_with_the_tags_of_its_commits(
    checkout: Path, sent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A commit, an edit and a file that git does not know yet are one patch; the password is no argument."""
    base = git(checkout, "rev-parse", "HEAD")
    (checkout / "src/cart.py").write_text("x = 1\n")
    commit(checkout, "Change\n\nTags: tax\nTests: +test_it.py")
    (checkout / "src/cart_new.py").write_text("y = 2\n")
    (tmp_path / "word").write_text("secret\n")
    status = git(checkout, "status", "--porcelain")
    words = ["--tags", "cart", "--master", "m:1", "--username", "ada", "--password-file", str(tmp_path / "word")]
    assert call(checkout, *words, "--", "--quiet") == 3
    argv, patch, seen = json.loads(sent.read_text())
    assert {f"--baserev={base}", "--branch=main", "--builder=cd-try", "--wait", "--property=tags=tax,cart"} <= set(argv)
    assert argv[-1] == "--quiet"
    assert {"--connect=pb", "--master=m:1", "--username=ada", "--passwd=secret"} <= set(argv)
    assert "secret" not in str(seen)
    assert any(one.startswith("--property=cd_comment=Change") and "Tests: +test_it.py" in one for one in argv)
    assert "+x = 1" in patch
    assert "+y = 2" in patch
    assert git(checkout, "status", "--porcelain") == status
    assert "test_cart  [" in capsys.readouterr().out


def test_nothing_is_sent_that_must_not_be(checkout: Path, sent: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not without a change, not with an unknown tag, not with a tag missing where that blocks, not in a dry run."""
    assert call(checkout) == 1
    assert "nothing was changed" in capsys.readouterr().err
    (checkout / "src/cart.py").write_text("x = 1\n")
    assert call(checkout, "--tags", "carts") == 1
    assert "there is no tag carts, did you mean cart?" in capsys.readouterr().err
    assert call(checkout, "--dry-run") == 0
    (checkout / ".buildbot-cd.yaml").write_text(MAP + "missing_tags: block\n")
    assert call(checkout, "--tags", "tax") == 1
    assert "missing tags: cart" in capsys.readouterr().out
    assert call(checkout, "--tags", "cart", "--password-file", "nosuch") == 1
    assert "--password-file nosuch: " in capsys.readouterr().err
    assert call(checkout, "--tags", "cart") == 1
    assert "which master tries it? Name it with --master HOST:PORT" in capsys.readouterr().err
    assert not sent.exists()


def test_a_base_that_no_worker_can_fetch_is_refused(checkout: Path) -> None:
    """A commit that was never pushed cannot be the base; the error names the option."""
    (checkout / "src/cart.py").write_text("x = 1\n")
    commit(checkout, "local")
    (checkout / "src/cart.py").write_text("x = 2\n")
    with pytest.raises(CdError, match=r"HEAD is on no remote branch.*--base"):
        patch_of(checkout, "HEAD")


def test_a_binary_file_and_a_removed_one_survive_the_patch(checkout: Path, tmp_path: Path) -> None:
    """Applied to the base, the patch gives the checkout's own tree."""
    (checkout / "logo.bin").write_bytes(bytes(range(256)))
    (checkout / "src/cart.py").unlink()
    patch = patch_of(checkout, None)
    git(tmp_path, "clone", "-q", "origin.git", "other")
    file = tmp_path / "the.patch"
    file.write_bytes(patch.body)
    git(tmp_path / "other", "apply", "--index", "-p1", str(file))
    git(checkout, "add", "-A")
    assert git(tmp_path / "other", "write-tree") == git(checkout, "write-tree")
