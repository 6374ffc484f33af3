# SPDX-License-Identifier: GPL-2.0-only
"""Reads JUnit XML of any runner: counts ``<testcase>`` elements, believes no ``tests=`` attribute.

Workers are sent this file too (Python 3.8 or later). Foreign text: a document type is refused before any entity in it
could be expanded, and size and depth are limited.
"""

from __future__ import annotations

import math
import os
import unicodedata
from dataclasses import dataclass, field
from xml.parsers import expat

try:
    from buildbot_cd.errors import CdError as Wrong
except ImportError:  # sent to a worker, alone
    Wrong = Exception  # type: ignore[misc,assignment]

MOST_BYTES = 256 * 1024 * 1024
MOST_DEPTH = 100
TEXT = 4000
"""Characters of a failure that are kept, its end."""

_OUTCOMES = {"failure": "failed", "error": "error", "skipped": "skipped"}
_ORDER = ("passed", "skipped", "error", "failed")
"""A test case with several verdicts has the last of these that it holds."""


class JUnitError(Wrong):
    """The text is no JUnit XML that we are willing to read; says where and why."""


@dataclass(frozen=True)
class Case:
    """One ``<testcase>``; ``path`` is empty if the runner did not say; ``seconds`` are the runner's own."""

    nid: str
    path: str
    outcome: str
    seconds: float
    text: str = ""


def read_junit(data: bytes, framework: str = "junit", top: str = "") -> tuple[Case, ...]:
    """The test cases in order; the second one with the same nid gets ``#2``.

    A nid is the case's property ``nid`` if it has one, else ``framework:path::class::name``. The path is the attribute
    ``file`` of the case or of a suite around it, made relative to the folder ``top``; without one the class stands
    alone. Raises JUnitError.
    """
    if len(data) > MOST_BYTES:
        raise JUnitError(f"the report has {len(data)} bytes; more than {MOST_BYTES} are not read")
    reader = _Reader(framework, top)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise JUnitError(f"the report is no XML, line {error.lineno}: {expat.ErrorString(error.code)}") from error
    if not reader.any:
        raise JUnitError(
            "the report holds no testsuite; is this the file that the runner writes with its JUnit option?"
        )
    return tuple(reader.cases)


def _refuse(name: str, *_ids: object) -> None:
    raise JUnitError(f"the report declares a document type ({name}), which JUnit XML has not; it is not read")


@dataclass
class _Open:
    """A test case that is being read."""

    attributes: dict[str, str]
    found: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    nid: str = ""


class _Reader:
    """Expat's handlers."""

    def __init__(self, framework: str, top: str) -> None:
        self.cases: list[Case] = []
        self.any = False
        self._framework, self._top = framework, top
        self._count: dict[str, int] = {}
        self._files: list[str] = []
        self._tags: list[str] = []
        self._case: _Open | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._tags.append(tag)
        if len(self._tags) > MOST_DEPTH:
            raise JUnitError(f"the report nests more than {MOST_DEPTH} elements; it is not read")
        if tag in {"testsuite", "testsuites"}:
            self.any = True
            self._files.append(attributes.get("file") or (self._files[-1] if self._files else ""))
        elif tag == "testcase":
            self._case = _Open(attributes)
        elif self._case is not None and tag in _OUTCOMES:
            self._case.found.append(_OUTCOMES[tag])
            self._case.text.append(attributes.get("message", "") + "\n")
        elif self._case is not None and tag == "property" and attributes.get("name") == "nid":
            self._case.nid = attributes.get("value", "")

    def text(self, data: str) -> None:
        """Character data; kept of failures only."""
        if self._case is not None and self._tags[-1] in _OUTCOMES:
            self._case.text.append(data)

    def end(self, tag: str) -> None:
        """An element ends."""
        self._tags.pop()
        if tag in {"testsuite", "testsuites"}:
            self._files.pop()
        elif tag == "testcase" and self._case is not None:
            self.cases.append(self._closed(self._case))
            self._case = None

    def _closed(self, case: _Open) -> Case:
        path = self._relative(case.attributes.get("file") or (self._files[-1] if self._files else ""))
        classname = case.attributes.get("class") or case.attributes.get("classname") or ""
        parts = [part for part in (path, classname, case.attributes.get("name", "")) if part]
        nid = unicodedata.normalize("NFC", case.nid or f"{self._framework}:{'::'.join(parts)}")
        self._count[nid] = self._count.get(nid, 0) + 1
        if self._count[nid] > 1:
            nid = f"{nid}#{self._count[nid]}"
        outcome = max(["passed", *case.found], key=_ORDER.index)
        return Case(nid, path, outcome, _seconds(case.attributes.get("time", "")), "".join(case.text).strip()[-TEXT:])

    def _relative(self, path: str) -> str:
        path = path.replace("\\", "/")
        if path.startswith("/"):
            relative = os.path.relpath(path, self._top) if self._top else path
            return path if relative.startswith("..") else relative.replace(os.sep, "/")
        return path.removeprefix("./")


def _seconds(text: str) -> float:
    """Some runners write ``1,234.5``; what is no duration is 0."""
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and value > 0 else 0.0
