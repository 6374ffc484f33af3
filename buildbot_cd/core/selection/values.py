# SPDX-License-Identifier: GPL-2.0-only
"""What a selection is made from: tests, rules, and the change. Paths are POSIX, relative to the repository's top."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Test(NamedTuple):
    """One test that there is. A named tuple, since there may be 40,000 of them in 100 ms.

    ``nid`` is its id, ``pytest:tests/test_cart.py::test_total``; a nid without ``::`` is a file as a whole.
    ``requires`` names what must have passed before it, see `requirements`. Tests of one ``group`` run together.
    ``data`` are globs of files that it reads: a change of one wants the test.
    """

    nid: str
    path: str
    tags: frozenset[str] = frozenset()
    requires: tuple[str, ...] = ()
    group: str | None = None
    always: bool = False
    data: tuple[str, ...] = ()


def test_of(event: Mapping[str, Any]) -> Test:
    """The test that a collecting program told of: its ``test`` event, see `worker.tests.pytest_stream`."""
    return Test(
        nid=str(event["nid"]),
        path=str(event["path"]),
        tags=frozenset(str(tag) for tag in event.get("tags") or ()),
        requires=tuple(str(one) for one in event.get("requires") or ()),
        group=event.get("group"),
    )


Test.__test__ = False  # type: ignore[attr-defined]  # pytest: not a class of tests


@dataclass(frozen=True, slots=True)
class PathRule:
    """A change of a path that one of ``globs`` matches wants the tests with ``tags``, or every test."""

    globs: tuple[str, ...]
    tags: tuple[str, ...] = ()
    run_all: bool = False


@dataclass(frozen=True, slots=True)
class TestRule:
    """What holds for all tests in the files that ``glob`` matches, beside what the tests say themselves."""

    __test__: ClassVar[bool] = False

    glob: str
    tags: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    always: bool = False
    group: str | None = None
    data: tuple[str, ...] = ()


class Mode(StrEnum):
    """What becomes of a tag that a rule wants and the change does not declare.

    OBSERVE: it is kept with the selection; WARN: people are told; ADD: its tests run too; BLOCK: as ADD, and a try of
    the change fails until it is declared. A change that declares no tag at all is selected by the rules in every mode.
    """

    OBSERVE = "observe"
    WARN = "warn"
    ADD = "add"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be tested: changed ``files`` (both names of a moved one), commit ``messages``, tags given aside.

    ``base`` is the revision before it.
    """

    files: tuple[str, ...]
    messages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    base: str = "HEAD"


@dataclass(frozen=True, slots=True)
class Declared:
    """What the trailers of a change ask for."""

    tags: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    run_all: bool = False
