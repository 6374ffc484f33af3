# SPDX-License-Identifier: GPL-2.0-only
"""Pushing, and what became of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildbot_cd.worker.git.run import GitTimeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.worker.git.mirror import Mirror

# A server whose ref is locked by another push, or was moved while ours was on its way, says one of these.
_BUSY = re.compile(
    r"cannot lock ref|failed to update ref|failed to lock|unable to create .*\.lock|incorrect old value|"
    r"fetch first|non-fast-forward|stale info|atomic (?:push failed|transaction failed)",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(
    r"denied|\b403\b|\b401\b|not allowed|not permitted|read[ -]only|unauthori[sz]ed|forbidden|authentication failed|"
    r"does not support --atomic",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Pushed:
    """The end of a push. ``refused``: the server answered and does not want it; ``text``: git's own words.

    Neither ``ok`` nor ``refused`` means that the outcome is unknown, or that the push came at the wrong moment.
    """

    ok: bool
    refused: bool
    text: str


def push(mirror: Mirror, refspecs: Sequence[str], leases: Sequence[str] = ()) -> Pushed:
    """Push all of ``refspecs`` or none. Forced only where a lease names the ref and its exact old value."""
    guards = [f"--force-with-lease={lease}" for lease in leases]
    args = ("push", "--porcelain", "--atomic", "--no-verify", "--no-signed", *guards, "--", mirror.url, *refspecs)
    try:
        done = mirror.git.remote(*args)
    except GitTimeout as error:
        return Pushed(ok=False, refused=False, text=str(error))
    if done.code == 0:
        return Pushed(ok=True, refused=False, text="")
    lost = [row for row in done.text.splitlines() if row.startswith("!\t")]
    said = "\n".join(row.replace("\t", " ") for row in lost)
    text = "\n".join(part for part in (done.err, said) if part)
    return Pushed(ok=False, refused=_is_refused(lost, done.err), text=text)


def _is_refused(lost: Sequence[str], err: str) -> bool:
    if not lost:
        return bool(_FORBIDDEN.search(err))
    reasons = [row.rsplit("\t", 1)[-1] for row in lost]
    return any(not _BUSY.search(reason) for reason in reasons)
