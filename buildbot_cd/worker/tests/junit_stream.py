# SPDX-License-Identifier: GPL-2.0-only
"""Collect or run the tests of any runner that writes JUnit XML, in the events that `pytest_stream.py` has.

    python cd_junit.py collect < request
    python cd_junit.py run < request

The request is JSON: ``runner`` (phpunit or command), ``list`` and ``run`` (argument lists), and for run ``tests``, a
list of nids. In these commands ``{tests}`` stands for a file with one name a line, ``{filter}`` for a regular
expression that PHPUnit's --filter takes, ``{report}`` for the file that the runner writes.

It is sent to a worker beside ``cd_junit_report.py`` (which is `junit.py`) and run by any Python from 3.8 on, from the
top of the checkout. Names are what stands behind ``framework:`` in a nid.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from typing import Any
from xml.parsers import expat

WIDTH = 3000  # characters of JSON on one line of stdout
FILTER = 30_000  # characters of a filter: what a command line takes is limited
PHPUNIT = ("vendor/bin/phpunit", "--filter", "{filter}", "--log-junit", "{report}")
PHPUNIT_LIST = ("vendor/bin/phpunit", "--list-tests-xml", "{report}")


def say(kind: str, **fields: Any) -> None:
    """One event on stdout, cut as workers need it."""
    text = json.dumps(dict({"event": kind}, **fields), ensure_ascii=True, separators=(",", ":"))
    pieces = [text]
    if len(text) > WIDTH:
        pieces = ["+" + text[at : at + WIDTH] for at in range(0, len(text), WIDTH)]
        pieces[-1] = ">" + pieces[-1][1:]
    sys.stdout.write("".join(piece + "\n" for piece in pieces))
    sys.stdout.flush()


def call(argv: list[str], fill: dict[str, str]) -> tuple[int, str]:
    """Run the project's command; its output goes to stderr, so that nothing gets between the events."""
    words = [fill.get(word, word) for word in argv]
    for name, value in fill.items():
        words = [word.replace(name, value) for word in words]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sys.stderr, check=False)
    except OSError as error:
        return 127, f"{words[0]} cannot be called: {error}"
    return done.returncode, done.stdout.decode("utf-8", "replace")


# -- collecting


def collect(request: dict[str, Any]) -> int:
    """Tell about each test."""
    phpunit = request["runner"] == "phpunit"
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.xml")
        argv = request.get("list") or (list(PHPUNIT_LIST) if phpunit else None)
        if argv is None:
            return broken("the map names no command that lists tests: give tests.list", 2)
        code, text = call(argv, {"{report}": report})
        if phpunit and not code:
            try:
                with open(report, "rb") as file:
                    tests = php_tests(file.read(), os.getcwd())
            except (OSError, expat.ExpatError) as error:
                return broken(f"PHPUnit's list cannot be read: {error}", 2)
        elif not code:
            tests = [(line.strip(), line.strip().partition("::")[0], []) for line in text.splitlines() if line.strip()]
    if code:
        return broken(f"listing the tests ended with {code}: {text[-2000:]}", code)
    for name, path, tags in tests:
        nid = f"{framework(request)}:{name}"
        say("test", nid=nid, path=path, line=None, tags=tags, requires=[], group=None)
    say("end", exit=0, count=len(tests))
    return 0


def broken(text: str, code: int) -> int:
    """Nothing could be collected."""
    say("error", nid=None, path=None, text=text)
    say("end", exit=code, count=0)
    return code


def framework(request: dict[str, Any]) -> str:
    """What stands before the colon of a nid."""
    return "phpunit" if request["runner"] == "phpunit" else "junit"


def php_tests(data: bytes, top: str) -> list[tuple[str, str, list[str]]]:
    """(name, path, groups) of each test in what --list-tests-xml wrote, of PHPUnit 9 to 12.

    Up to 10 a method carries its groups and no file; since 11 classes carry files, and groups list the ids of tests.
    """
    found: list[dict[str, Any]] = []
    groups: dict[str, list[str]] = {}
    at = {"class": "", "file": "", "group": ""}

    def begins(tag: str, attributes: dict[str, str]) -> None:
        if tag in {"testCaseClass", "testClass"}:
            at["class"], at["file"] = attributes.get("name", ""), attributes.get("file", "")
        elif tag in {"testCaseMethod", "testMethod"}:
            ident = attributes.get("id", "")
            given = [one for one in attributes.get("groups", "").split(",") if one]
            name = "::".join(part for part in (at["class"], attributes.get("name", "")) if part)
            if attributes.get("dataSet"):
                name += " " + attributes["dataSet"].strip()
            found.append({"id": ident, "name": ident or name, "file": at["file"], "groups": given})
        elif tag == "group":
            at["group"] = attributes.get("name", "")
        elif tag == "test" and at["group"]:
            groups.setdefault(attributes.get("id", ""), []).append(at["group"])

    parser = expat.ParserCreate()
    parser.StartElementHandler = begins
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)
    tests = []
    for one in found:
        path = os.path.relpath(one["file"], top).replace(os.sep, "/") if one["file"] else ""
        tags = [tag for tag in (*one["groups"], *groups.get(one["id"], ())) if tag != "default"]
        tests.append(("::".join(part for part in (path, one["name"]) if part), path, sorted(set(tags))))
    return tests


def refuse(*_words: object) -> None:
    """A document type could expand into anything."""
    raise expat.ExpatError("it declares a document type, which is not read")


# -- running


def run(request: dict[str, Any]) -> int:
    """Run the tests in as many calls as their filter needs, and tell each one's result."""
    names = {nid.partition(":")[2]: nid for nid in request["tests"]}
    told: set[str] = set()
    code = 0
    for part in parts(list(names)):
        code = run_part(request, part, names, told)
        if code == 127:
            break
    for nid in request["tests"]:
        if nid not in told and code != 127:
            say("missing", nid=nid)
    say("end", exit=code, count=len(told))
    return 0


def run_part(request: dict[str, Any], part: list[str], names: dict[str, str], told: set[str]) -> int:
    """One call of the runner."""
    phpunit = request["runner"] == "phpunit"
    argv = request.get("run") or (list(PHPUNIT) if phpunit else None)
    if argv is None:
        say("error", nid=None, path=None, text="the map names no command that runs tests: give tests.run")
        return 127
    with tempfile.TemporaryDirectory() as folder:
        report, listed = os.path.join(folder, "report.xml"), os.path.join(folder, "tests.txt")
        with open(listed, "w", encoding="utf-8") as file:
            file.write("".join(name + "\n" for name in part))
        fill = {"{report}": report, "{tests}": listed, "{filter}": pattern(part)}
        code, text = call(argv, fill)
        sys.stderr.write(text)
        if not os.path.exists(report):
            said = f"{argv[0]} ended with {code} and wrote no report: {text[-2000:]}"
            say("error", nid=None, path=None, text=said)
            return 127 if code == 127 else code
        reader = module()
        try:
            with open(report, "rb") as file:
                cases = reader.read_junit(file.read(), framework(request), os.getcwd())
        except reader.JUnitError as error:
            say("error", nid=None, path=None, text=str(error))
            return code
    for case in cases:
        nid = names.get(case.nid.partition(":")[2]) or by_ending(case.nid, names)
        if nid is not None and nid not in told:
            told.add(nid)
            say("result", nid=nid, outcome=case.outcome, seconds=round(case.seconds, 6), text=case.text)
    return code


def by_ending(nid: str, names: dict[str, str]) -> str | None:
    """The requested test that this one is, where only one of list and report knows the file."""
    name = nid.partition(":")[2]
    return next((whole for one, whole in names.items() if one.endswith("::" + name) or name.endswith("::" + one)), None)


def module() -> Any:
    """`junit.py`, which lies beside this file."""
    folder = os.path.dirname(os.path.abspath(__file__))
    path = next(p for p in (os.path.join(folder, n) for n in ("cd_junit_report.py", "junit.py")) if os.path.exists(p))
    spec: Any = importlib.util.spec_from_file_location("cd_junit_report", path)
    found = importlib.util.module_from_spec(spec)
    sys.modules["cd_junit_report"] = found
    spec.loader.exec_module(found)
    return found


def pattern(names: list[str]) -> str:
    """A regular expression for PHPUnit's --filter that fits exactly these; it is held against ``Class::method``."""
    return "/^(?:{})$/".format("|".join(re.escape(bare(name)).replace("/", "\\/") for name in names))


def bare(name: str) -> str:
    """The name without its file."""
    path, colons, rest = name.partition("::")
    return rest if colons and (path.endswith(".php") or "/" in path) else name


def parts(names: list[str]) -> list[list[str]]:
    """Lists of names whose filters fit into a command line."""
    found: list[list[str]] = [[]]
    size = 0
    for name in names:
        if size + len(name) > FILTER and found[-1]:
            found.append([])
            size = 0
        found[-1].append(name)
        size += 2 * len(name) + 1
    return found


def main(argv: list[str]) -> int:
    """The program."""
    if argv not in (["collect"], ["run"]):
        sys.stderr.write("usage: cd_junit.py collect|run < request\n")
        return 2
    request = json.load(sys.stdin)
    return collect(request) if argv == ["collect"] else run(request)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
