# SPDX-License-Identifier: GPL-2.0-only
"""The demo as a whole: set up, play the scenes, tell what happened, stay or stop."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from buildbot_cd.cli.demo.company import Company
from buildbot_cd.cli.demo.scenes import ORDER, BlueButton, BreaksTest, Errors, ForgottenTag, Good, Sandbox, Two
from buildbot_cd.cli.demo.telling import Teller, columns
from buildbot_cd.errors import CdError

if TYPE_CHECKING:
    from types import FrameType

    from buildbot_cd.cli.demo.scene import Outcome, Scene

COLUMNS = ("queue", "test", "wait", "deploy", "take back")

SCRIPT: tuple[tuple[type[Scene], str], ...] = (
    (Good, "begin"),
    (Sandbox, "begin"),  # while the first release is on its way, sandbox and test stage are free
    (Sandbox, "finish"),
    (BreaksTest, "begin"),
    (Good, "finish"),
    (BreaksTest, "finish"),
    (ForgottenTag, "begin"),
    (Errors, "begin"),
    (ForgottenTag, "finish"),
    (Errors, "finish"),
    (BlueButton, "begin"),
    (BlueButton, "finish"),
    (Two, "begin"),
    (Two, "finish"),
)
"""What is played when: a scene may begin while another one's release is on its way."""


def play(directory: Path, *, hosts: int, once: bool, json_file: Path | None) -> int:
    """Play everything; the exit status. Ctrl-C and SIGTERM end it at any time, with nothing left running."""
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell's background jobs are started deaf to it
        signal.signal(number, _interrupt)
    teller = Teller()
    company = Company(directory, hosts=hosts)
    outcomes: list[Outcome] = []
    try:
        teller.title("Setting up")
        company.open(lambda text: teller.say(f"    {text}"))
        teller.say(f"    look at it: {company.site.url}")
        outcomes = _scenes(company, teller)
        ok = _told(outcomes, teller)
        if json_file is not None:
            _write(json_file, outcomes, ok, teller.seconds)
        if not once:
            teller.say(f"\nEverything runs on: {company.site.url}  Ctrl-C ends it.")
            signal.pause()
    except (CdError, OSError) as error:
        teller.say(f"\n{error}")
        ok = False
    except KeyboardInterrupt:
        ok = len(outcomes) == len(ORDER) and all(one.ok for one in outcomes)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it running
        teller.say("\nEnding all processes")
        company.close()
    return 0 if ok else 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _scenes(company: Company, teller: Teller) -> list[Outcome]:
    played: dict[type[Scene], Scene] = {kind: kind(company, teller) for kind in ORDER}
    last = ""
    for kind, part in SCRIPT:
        scene = played[kind]
        if part == "begin":
            teller.title(f"({scene.letter}) {scene.title}")
            scene.begin()
        else:
            if last != scene.letter:
                teller.say(f"  back to ({scene.letter})")
            scene.finish()
        last = scene.letter
    return [scene.outcome for scene in played.values()]


def _told(outcomes: list[Outcome], teller: Teller) -> bool:
    teller.title("What happened, and how long each stage took (seconds)")
    rows = [
        [
            f"({one.letter})",
            f"{'as told' if one.ok else 'NOT AS TOLD'}: {one.title}",
            one.outcome,
            *(f"{one.seconds[part]:.1f}" if part in one.seconds else "" for part in COLUMNS),
        ]
        for one in outcomes
    ]
    for line in columns(["", "scene", "end", *COLUMNS], rows):
        teller.say("  " + line)
    ok = len(outcomes) == len(ORDER) and all(one.ok for one in outcomes)
    teller.say(f"\n  {'All came out as told' if ok else 'NOT all came out as told'}, in {teller.seconds:.0f} s.")
    return ok


def _write(path: Path, outcomes: list[Outcome], ok: bool, seconds: float) -> None:
    told = {"ok": ok, "seconds": round(seconds, 1), "scenes": [one.to_json() for one in outcomes]}
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
