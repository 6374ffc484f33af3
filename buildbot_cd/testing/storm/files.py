# SPDX-License-Identifier: GPL-2.0-only
"""The files of a storm's yard: tests and a restart that know good from bad, the build, the server's hook."""

from __future__ import annotations

TESTS = """\
from pathlib import Path
import pytest

PARTS = [path.read_text() for path in sorted((Path(__file__).parents[1] / "parts").glob("*.txt"))]

@pytest.mark.tags("app")
@pytest.mark.parametrize("number", range(3))
def test_number(number):
    assert PARTS

@pytest.mark.tags("app")
def test_no_part_is_red():
    assert "red\\n" not in PARTS
"""
BUILD = """\
import pathlib, shutil
shutil.rmtree("dist", ignore_errors=True)
pathlib.Path("dist").mkdir()
text = "".join(path.read_text() for path in sorted(pathlib.Path("parts").glob("*.txt")))
pathlib.Path("dist/app.txt").write_text(text)
"""
SERVER = """\
import pathlib, sys, time
path = pathlib.Path({barriers!r}, "server.txt")
def order():
    how, _, until = path.read_text().partition(" ") if path.exists() else ("", "", "0")
    return how if time.time() < float(until or 0) else ""
if order() == "refuse" and sys.argv[1] == "pre-receive":
    sys.exit("the git server refuses for a while")
while order() == "hang":
    time.sleep(0.05)
"""
SHORT_HOLDS = """

# What holds a landing in a storm passes quickly: the rules stay as they are, but their first pause.
from dataclasses import replace
from buildbot_cd.engine import service, settings

service.policy_of = lambda config: replace(settings.policy_of(config), backoff={backoff!r})
"""
RESTART = """\
import os, sys
name, release = sys.argv[1:]
with open(os.path.join({fleet!r}, name, "releases", release, "app.txt")) as file:
    if "sick\\n" in file:
        sys.exit("this service does not start")
"""
