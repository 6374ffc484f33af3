# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from buildbot_cd.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

MAP = """\
rules:
  - {paths: "src/cart*", tags: cart}
  - {paths: "src/tax*", tags: tax}
"""
TESTS = """\
import pytest
@pytest.mark.tags("cart")
def test_cart(): pass
@pytest.mark.tags("tax")
def test_tax(): pass
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with two tests, one commit, and nothing changed."""
    files = {".buildbot-cd.yaml": MAP, "test_it.py": TESTS, "src/cart.py": "", "src/tax.py": "", "notes.txt": ""}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path, "first")
    return tmp_path


def git(top: Path, *words: str) -> None:
    """Call git as somebody."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@shop.example"]
    subprocess.run(["git", *who, *words], cwd=top, check=True, capture_output=True)


def commit(top: Path, message: str) -> None:
    """Commit all."""
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", message)


def call(command: str, top: Path, *words: str) -> int:
    """The command's exit status."""
    return main([command, "--top", str(top), "--python", sys.executable, *words])


def selected(top: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, list[str]]:
    """By test its reasons."""
    assert call("select", top, "--json", *words) == 0
    return {nid.rsplit("::")[-1]: why for nid, why in json.loads(capsys.readouterr().out)["chosen"]}


def test_what_is_changed_is_selected(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An uncommitted change, and a new file that git does not know yet, choose tests by the rules."""
    (checkout / "src/cart.py").write_text("x = 1\n")
    assert list(selected(checkout, capsys)) == ["test_cart"]
    (checkout / "src/tax_new.py").write_text("")
    assert list(selected(checkout, capsys)) == ["test_cart", "test_tax"]


def test_commits_since_the_base_count_with_their_trailers(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both what they changed and what they declare."""
    (checkout / "src/cart.py").write_text("x = 1\n")
    commit(checkout, "Change\n\nTags: tax")
    found = selected(checkout, capsys, "--base", "HEAD^")
    assert found["test_tax"] == ["tag tax is declared"]
    assert "wants tag cart" in found["test_cart"][0]


def test_the_time_is_told_from_durations(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With known durations the bound and its advice are printed; without, how to give them."""
    (checkout / "src/cart.py").write_text("x = 1\n")
    call("select", checkout)
    assert "how long they take is not known" in capsys.readouterr().out
    (checkout / ".test_durations").write_text(json.dumps({"test_it.py::test_cart": 12.5}))
    call("select", checkout, "--tags", "cart", "--workers", "2")
    assert "12.5 s of tests, 12.5 s at least on 2 workers: more workers will not help" in capsys.readouterr().out


def test_missing_tags_that_block_are_a_failure(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With missing_tags: block the exit status says that the change must declare them."""
    (checkout / ".buildbot-cd.yaml").write_text(MAP + "missing_tags: block\n")
    commit(checkout, "block")
    (checkout / "src/cart.py").write_text("x = 1\n")
    assert call("select", checkout, "--tags", "tax") == 1
    assert "missing tags: cart" in capsys.readouterr().out
    assert call("select", checkout, "--tags", "tax,cart") == 0


def test_a_map_that_cannot_be_read_is_told_with_its_line(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same errors as on the master."""
    (checkout / ".buildbot-cd.yaml").write_text("rules:\n  - {path: x, tags: y}\n")
    assert call("select", checkout) == 1
    assert ".buildbot-cd.yaml:2: rules[0].path: unknown key, did you mean 'paths'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("test_it.py", "import nosuch\n"), "test_it.py: "),
        ((".test_durations", "[1]"), "is no JSON object of test ids and seconds"),
    ],
)
def test_what_is_broken_is_told(
    checkout: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: str
) -> None:
    """A test that cannot be collected and a file of durations that is none give an error with their names."""
    (checkout / change[0]).write_text(change[1])
    assert call("select", checkout) == 1
    assert said in capsys.readouterr().err


def test_outside_of_a_repository_git_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error is git's own."""
    assert call("lint", tmp_path) == 1
    assert "not a git repository" in capsys.readouterr().err


def test_an_interpreter_that_is_not_there_is_told(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the option that names another one."""
    assert main(["lint", "--top", str(checkout), "--python", "nosuch-python"]) == 1
    assert "name another one with --python" in capsys.readouterr().err


def test_lint_of_a_map_that_fits(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to say, and the numbers."""
    assert call("lint", checkout, "--strict") == 0
    assert capsys.readouterr().out == "2 tests, 2 rules: 0 errors, 0 notes\n"


def test_lint_tells_what_does_not_fit(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Errors fail, notes only with --strict."""
    (checkout / "test_more.py").write_text("def test_bare(): pass\n")
    assert call("lint", checkout) == 0
    assert "note: .buildbot-cd.yaml: 1 of 3 tests carry no tag: test_more.py::test_bare" in capsys.readouterr().out
    assert call("lint", checkout, "--strict") == 1
    (checkout / ".buildbot-cd.yaml").write_text(MAP.replace("src/tax*", "src/taxes*"))
    capsys.readouterr()
    assert call("lint", checkout) == 1
    assert "error: .buildbot-cd.yaml: rules[1].paths: src/taxes* matches no file" in capsys.readouterr().out


def test_tests_of_any_runner_are_selected(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A command that prints names is enough to select by files and globs."""
    (checkout / "list.py").write_text("print('spec/cart.x::total\\nspec/tax.x::rate')\n")
    command = f"[{sys.executable}, list.py]"
    (checkout / ".buildbot-cd.yaml").write_text(
        f"tests:\n  runner: command\n  list: {command}\n  run: [./run, '{{tests}}', '{{report}}']\n"
        "  files: [{glob: 'spec/cart*', tags: cart}]\n" + MAP.splitlines()[0] + "\n" + MAP.splitlines()[1] + "\n"
    )
    commit(checkout, "another runner")
    (checkout / "src/cart.py").write_text("x = 1\n")
    assert list(selected(checkout, capsys)) == ["total"]
