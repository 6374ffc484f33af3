# SPDX-License-Identifier: GPL-2.0-only
"""The outcome of a selection: every test in or out with its reason, and what the change should have said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from buildbot_cd.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_SHOWN = 3
"""Names of a kind that the one-line summary tells."""

_WIDTH = 120
"""Characters of a name that are shown: whoever may push may write a longer one."""


def shown(name: str) -> str:
    """A name from a commit for people: cut, and with what is not printable escaped, so that it cannot forge lines."""
    text = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name[: _WIDTH + 1])
    return text if len(name) <= _WIDTH else text[:_WIDTH] + "…"


class Choice(NamedTuple):
    """A test that runs, and why. A named tuple, since there may be 40,000 of them in 100 ms."""

    nid: str
    reasons: tuple[str, ...]


class LeftOut(NamedTuple):
    """A test that does not run, and why not."""

    nid: str
    reason: str


class MissingTag(NamedTuple):
    """A tag that a path rule wants and the change did not declare; ``tests`` is how many carry it.

    A ``quiet`` one is kept for the record and told to nobody.
    """

    tag: str
    because: str
    tests: int
    quiet: bool = False


class UnknownTag(NamedTuple):
    """A tag that there is not; ``nearest`` is the one that was probably meant, None if none is like it."""

    tag: str
    nearest: str | None

    def __str__(self) -> str:
        """As a sentence for people."""
        return f"there is no tag {shown(self.tag)}" + (f", did you mean {self.nearest}?" if self.nearest else "")


class UnknownTest(NamedTuple):
    """A test that a ``Tests:`` trailer names and that there is not."""

    test: str
    nearest: str | None

    def __str__(self) -> str:
        """As a sentence for people."""
        return f"there is no test {shown(self.test)}" + (f", did you mean {self.nearest}?" if self.nearest else "")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tests run. ``everything`` says why all of them do, None if they were chosen one by one."""

    chosen: tuple[Choice, ...]
    skipped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By reason the tests that do not run."""
    missing_tags: tuple[MissingTag, ...] = ()
    unknown_tags: tuple[UnknownTag, ...] = ()
    unknown_tests: tuple[UnknownTest, ...] = ()
    everything: str | None = None

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """The tests that do not run, each with its reason."""
        return tuple(LeftOut(nid, reason) for reason, nids in self.skipped.items() for nid in nids)

    def summary(self) -> str:
        """One line: how many run, which tags are missing, which names mean nothing."""
        total = len(self.chosen) + sum(len(nids) for nids in self.skipped.values())
        parts = [f"{len(self.chosen)} of {total} tests"]
        missing = [one.tag for one in self.missing_tags if not one.quiet]
        if missing:
            parts.append("missing tags: " + ", ".join(missing))
        unknown = [*self.unknown_tags, *self.unknown_tests]
        parts += [str(one) for one in unknown[:_SHOWN]]
        if len(unknown) > _SHOWN:
            parts.append(f"and {len(unknown) - _SHOWN} more unknown names")
        return "; ".join(parts)

    def text(self) -> str:
        """All of it, for a log: what is wrong first, then each test that runs, then each that does not."""
        lines = [self.summary()]
        if self.everything is not None:
            lines.append(f"everything runs: {self.everything}")
        lines += [f"missing tag {one.tag} ({one.tests} tests): {one.because}" for one in self.missing_tags]
        lines += [str(one) for one in (*self.unknown_tags, *self.unknown_tests)[_SHOWN:]]
        lines += ["", f"run ({len(self.chosen)}):"]
        lines += [f"  {one.nid}  [{'; '.join(one.reasons)}]" for one in self.chosen]
        left_out = self.left_out
        lines += ["", f"left out ({len(left_out)}):"]
        lines += [f"  {one.nid}  [{one.reason}]" for one in left_out]
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """As values that JSON has; tests are lists ``[nid, ...]`` and not objects, since there are many."""
        return {
            "everything": self.everything,
            "missing_tags": [one._asdict() for one in self.missing_tags],
            "unknown_tags": [one._asdict() for one in self.unknown_tags],
            "unknown_tests": [one._asdict() for one in self.unknown_tests],
            "chosen": [[one.nid, list(one.reasons)] for one in self.chosen],
            "left_out": [list(one) for one in self.left_out],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Selection:
        """The selection that `to_json` gave. Raises SelectionError for anything else."""
        try:
            return cls(
                chosen=tuple(Choice(nid, tuple(reasons)) for nid, reasons in value["chosen"]),
                skipped=_by_reason(value["left_out"]),
                missing_tags=tuple(MissingTag(**one) for one in value["missing_tags"]),
                unknown_tags=tuple(UnknownTag(**one) for one in value["unknown_tags"]),
                unknown_tests=tuple(UnknownTest(**one) for one in value["unknown_tests"]),
                everything=value["everything"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise SelectionError(f"this is no recorded selection: {error!r}; plan the run anew") from error


def _by_reason(left_out: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for nid, reason in left_out:
        found.setdefault(reason, []).append(nid)
    return {reason: tuple(nids) for reason, nids in found.items()}
