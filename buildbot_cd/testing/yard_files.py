# SPDX-License-Identifier: GPL-2.0-only
"""The files of a yard: its repository's first commit, the hosts' restart program, the git server's hook."""

from __future__ import annotations

# What waits does so until its file in `barriers` is gone; that it waits is seen by the file with `.reached`.
BARRIER = """\
import os, time
def barrier(name):
    path = os.path.join({barriers!r}, name)
    end = time.monotonic() + 90
    while os.path.exists(path) and time.monotonic() < end:
        open(path + ".reached", "a").close()
        time.sleep(0.02)
def note(log, line):
    handle = os.open(os.path.join({barriers!r}, log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(handle, (line + "\\n").encode())
    os.close(handle)
"""
CONFTEST = """\
import os, sys
sys.path.insert(0, {barriers!r})
from barrier import barrier, note
import pytest

@pytest.fixture(autouse=True)
def recorded(request):
    name = request.node.name
    note("tests.log", "begin " + name)
    barrier(name)
    yield
    note("tests.log", "end " + name)
"""
TESTS = """\
from pathlib import Path
import pytest

APP = Path(__file__).parents[1] / "app.txt"

@pytest.mark.tags("app")
@pytest.mark.parametrize("number", range(6))
def test_number(number):
    assert "broken-%d" % number not in APP.read_text()

@pytest.mark.tags("app")
def test_last():
    assert APP.read_text().strip()
"""
RESTART = """\
import sys
sys.path.insert(0, {barriers!r})
from barrier import barrier, note
name, release = sys.argv[1:]
note("restarts.log", name + " " + release)
barrier("restart-" + name)
if release in open(sys.argv[0] + ".refused").read().split():
    sys.exit("this host does not start " + release)
note("served.log", name + " " + release)
"""
HOOK = """\
import sys
sys.path.insert(0, {barriers!r})
from barrier import barrier, note
barrier(sys.argv[1])
"""
BUILD = """\
import pathlib, shutil
shutil.rmtree("dist", ignore_errors=True)
pathlib.Path("dist").mkdir()
shutil.copy("app.txt", "dist/app.txt")
"""
