# SPDX-License-Identifier: GPL-2.0-only
"""``buildbot-cd completion``: commands and options for the shell to complete.

Made from the commands' own parsers, so that it knows what they know; a library for it would be a dependency of every
master for one file of a shell.
"""

from __future__ import annotations

import argparse
import shlex

HELP = "print what makes bash, zsh or fish complete commands and options"

BASH = """\
# buildbot-cd: completion for bash; eval "$(buildbot-cd completion bash)"
_buildbot_cd() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" words
    if [ "$COMP_CWORD" -eq 1 ]; then
        words={commands}
    else
        case "${{COMP_WORDS[1]}}" in
{cases}
            *) words="" ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _buildbot_cd buildbot-cd
"""
ZSH = """\
#compdef buildbot-cd
# buildbot-cd: completion for zsh; eval "$(buildbot-cd completion zsh)"
_buildbot_cd() {{
    local -a commands
    commands=(
{commands}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    case "$words[2]" in
{cases}
        *) _files ;;
    esac
}}
compdef _buildbot_cd buildbot-cd
"""

FISH = """\
# buildbot-cd: completion for fish; buildbot-cd completion fish | source
complete -c buildbot-cd -n __fish_use_subcommand -f
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("shell", choices=sorted(SHELLS), help="the shell that is to complete")


def run(given: argparse.Namespace) -> int:
    """Always 0."""
    print(SHELLS[given.shell](described()), end="")
    return 0


Known = dict[str, tuple[str, dict[str, str]]]
"""Command to its help, and its words (options, and choices of its arguments) with theirs."""


def described() -> Known:
    """All commands as their parsers tell."""
    from buildbot_cd.cli.main import command, names

    found: Known = {}
    for name in names():
        parser = argparse.ArgumentParser()
        command(name).arguments(parser)
        words: dict[str, str] = {}
        for action in parser._actions:  # noqa: SLF001 - argparse has no other way to ask for them
            told = "" if action.help in (None, argparse.SUPPRESS) else str(action.help).replace("%%", "%")
            told = told.replace("%(default)s", str(action.default))
            long = [one for one in action.option_strings if one.startswith("--")]
            choices = [str(one) for one in action.choices or ()] if not action.option_strings else []
            words |= dict.fromkeys([*long, *choices], told)
        found[name] = (command(name).HELP, words)
    return found


def bash(known: Known) -> str:
    """The function for bash."""
    cases = [f"            {name}) words={shlex.quote(' '.join(words))} ;;" for name, (_, words) in known.items()]
    return BASH.format(commands=shlex.quote(" ".join(known)), cases="\n".join(cases))


def zsh(known: Known) -> str:
    """The function for zsh, with help beside each word."""
    commands = [f"        {shlex.quote(f'{name}:{told}')}" for name, (told, _) in known.items()]
    cases = []
    for name, (_, words) in known.items():
        told = " ".join(shlex.quote(f"{word}:{text}") for word, text in words.items())
        cases.append(f"        {name}) local -a found; found=({told}); _describe option found || _files ;;")
    return ZSH.format(commands="\n".join(commands), cases="\n".join(cases))


def fish(known: Known) -> str:
    """A line for each command and each of its words; files are completed beside them, as for bash."""
    lines = []
    for name, (told, words) in known.items():
        lines.append(f"complete -c buildbot-cd -n __fish_use_subcommand -a {_quoted(name)} -d {_quoted(told)}")
        inside = f"-n {_quoted(f'__fish_seen_subcommand_from {name}')}"
        for word, text in words.items():
            what = f"-l {_quoted(word[2:])}" if word.startswith("--") else f"-a {_quoted(word)}"
            lines.append(f"complete -c buildbot-cd {inside} {what} -d {_quoted(text)}")
    return FISH + "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """One word of fish, in whose single quotes a backslash takes the meaning from a quote and from a backslash."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
