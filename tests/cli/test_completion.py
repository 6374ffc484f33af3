# SPDX-License-Identifier: GPL-2.0-only
"""What shells complete, asked of the shells themselves."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from buildbot_cd.cli import main
from buildbot_cd.cli.commands import completion


def replies(*words: str) -> list[str]:
    """What bash offers when these words are typed, the last one cut short."""
    script = completion.bash(completion.described())
    array = " ".join(f"'{word}'" for word in words)
    script += f"\nCOMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _buildbot_cd; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, timeout=20)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_offers_commands_and_their_own_options() -> None:
    """The first word is a command; behind it come the options of that command alone, and fixed choices."""
    assert replies("buildbot-cd", "inc") == ["incident", "incidents"]
    assert sorted(replies("buildbot-cd", "")) == main.names()
    assert replies("buildbot-cd", "freeze", "--re") == ["--reason"]
    assert replies("buildbot-cd", "incident", "--pr") == ["--prove"]
    assert replies("buildbot-cd", "completion", "z") == ["zsh"]
    assert replies("buildbot-cd", "no-such", "--") == []


def test_zsh_reads_it_and_it_names_every_command() -> None:
    """Help texts hold quotes and colons; none of them breaks the script."""
    script = completion.zsh(completion.described())
    assert [name for name in main.names() if f"\n        {name}) " not in script] == []
    shell = shutil.which("zsh") or "bash"  # bash reads the same grammar, without knowing the functions
    done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")


def test_fish_is_offered_each_word_in_quotes_that_end() -> None:
    """One line for each command and each of its words; a quote or a backslash in a help text does not end it."""
    known: completion.Known = {"freeze": ("the gate's \\ end", {"--until": "a moment's", "now": ""})}
    assert completion.fish(known).splitlines()[2:] == [
        r"complete -c buildbot-cd -n __fish_use_subcommand -a 'freeze' -d 'the gate\'s \\ end'",
        r"complete -c buildbot-cd -n '__fish_seen_subcommand_from freeze' -l 'until' -d 'a moment\'s'",
        r"complete -c buildbot-cd -n '__fish_seen_subcommand_from freeze' -a 'now' -d ''",
    ]


@pytest.mark.parametrize("shell", sorted(completion.SHELLS))
def test_the_command_prints_it(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Ready for the shell's start file; exit status 0; no default is left to be filled in."""
    assert main.main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert "buildbot-cd" in printed
    assert "%(default)s" not in printed
