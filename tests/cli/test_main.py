# SPDX-License-Identifier: GPL-2.0-only
"""The command line as somebody meets it who has never used it: what is wrong, where, and what to do."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

import pytest
import sqlalchemy as sa

from buildbot_cd.cli import main

ASK_NOBODY = frozenset({"completion", "hook", "immune"})
"""Commands whose output is for a program already, or whose own commands have --json."""


def run(*words: str) -> int:
    """The exit status of a call; what argparse ends with counts too."""
    try:
        return main.main(words)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["stauts"], "there is no command 'stauts', did you mean 'status'?"),
        (["frobnicate"], "`buildbot-cd --help` tells which there are"),
        ([], "the following arguments are required: COMMAND"),
        (["lint", "here"], "buildbot-cd lint: error: does not take here"),
        (["freeze"], "the following arguments are required: --reason"),
        (["freeze", "--reason", "x", "--until", "never"], "'never' is no moment: write 2h, 18:00"),
    ],
)
def test_wrong_use_is_told_with_the_way_out(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, and nothing on stdout."""
    assert run(*words) == 2
    told = capsys.readouterr()
    assert (told.out, says in told.err) == ("", True), told.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["status", "--master", "http://127.0.0.1:9"], "start it, or name it with --master or BUILDBOT_CD_URL"),
        (["status", "--master", "shop"], "should begin with http:// or https://"),
        (["status", "--user", "ann"], "--user ann needs --password-file FILE"),
        (["plan", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory"),
        (["init", "/"], "/ is no master's folder: it has no master.cfg"),
        (["doctor", "/"], "/ is no master's folder: it has no master.cfg"),
        (["capacity", "--db", "shop"], "is no address of a database; write sqlite:////"),
        (["capacity", "--db", "sqlite:///nowhere.sqlite"], "there is no such file; an absolute path has four slashes"),
    ],
)
def test_what_does_not_work_is_told_with_place_and_remedy(
    words: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit status 1, one line that begins with the command, and no file is made by asking."""
    monkeypatch.chdir(tmp_path)
    for name in ("BUILDBOT_CD_URL", "BUILDBOT_CD_USER", "BUILDBOT_CD_PASSWORD_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert run(*words) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"buildbot-cd {words[0]}: ")
    assert says in told.err
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_our_tables_is_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is there, but no master of ours has run on it."""
    file = tmp_path / "state.sqlite"
    with contextlib.closing(sa.create_engine(f"sqlite:///{file}").raw_connection()) as connection:
        connection.cursor().execute("CREATE TABLE changes (id INTEGER)")
    assert run("capacity", "--db", f"sqlite:///{file}") == 1
    assert "no master with continuous deployment has run on it" in capsys.readouterr().err


def test_a_password_in_an_address_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    """An error's line may go into a log."""
    assert run("capacity", "--db", "nosuchdb://cd:secret@db/cd") == 1
    assert "secret" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "status", "says"),
    [
        (
            PermissionError(13, "Permission denied", "/srv/cd.yaml"),
            1,
            "buildbot-cd queue: /srv/cd.yaml: Permission denied\n",
        ),
        (OSError("no line"), 1, "buildbot-cd queue: no line\n"),
        (KeyboardInterrupt(), 130, ""),
        (EOFError(), 130, ""),
    ],
)
def test_nobody_is_shown_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    status: int,
    says: str,
) -> None:
    """What the system refuses is told with its place; Ctrl-C and Ctrl-D end in silence."""

    def fails(_given: argparse.Namespace) -> int:
        raise raised

    monkeypatch.setattr("buildbot_cd.cli.commands.queue.run", fails)
    assert run("queue") == status
    assert capsys.readouterr().err == says


@pytest.mark.parametrize("name", sorted(set(main.names()) - ASK_NOBODY))
def test_every_command_speaks_json(name: str) -> None:
    """For scripts; those that are left out write for a program as they are."""
    parser = argparse.ArgumentParser()
    main.command(name).arguments(parser)
    assert any("--json" in action.option_strings for action in parser._actions)


@pytest.mark.parametrize("name", main.names())
def test_every_command_helps(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0, what it is for, and a word on each argument."""
    assert run(name, "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert main.command(name).HELP.split()[0] in shown
    parser = argparse.ArgumentParser()
    main.command(name).arguments(parser)
    assert [action.dest for action in parser._actions if not action.help] == []


def test_the_list_of_commands_has_one_line_s_beginning_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    """A name and its help stand beside each other, so that the list can be read down."""
    assert run("--help") == 0
    lines = capsys.readouterr().out.splitlines()
    for name in main.names():
        assert any(line.startswith(f"    {name} ") and len(line) > 16 for line in lines), name
