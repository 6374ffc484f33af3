# SPDX-License-Identifier: GPL-2.0-only
"""A change that was taken back comes again: linked to its first try, and refused if it is the very same patch."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from buildbot_cd.core.landing.moves import NewLanding
    from buildbot_cd.core.landing.values import Landing

RELANDS, RETRY = "CD-Relands", "CD-Retry-Reason"
"""Trailers: the commit that is brought back, and why the same patch shall be tried once more."""

JUDGED = frozenset({"test", "deploy", "reland"})
"""Kinds of revert after which the same patch would fail again; what was withdrawn or only depended may come back."""


def patch_of(ids: Sequence[str]) -> str:
    """One name for the patches of several commits; empty if any is not known."""
    if not ids or not all(ids):
        return ""
    return ids[0] if len(ids) == 1 else hashlib.sha256(" ".join(ids).encode()).hexdigest()


def relanded(new: NewLanding, before: Landing | None, retry: str) -> NewLanding:
    """The push, linked to the landing that it brings back; ``retry`` is the reason given for trying the same again."""
    if before is None:
        return new
    linked = replace(new, relands=before.id)
    if not new.patch or new.patch != before.patch or before.revert_kind not in JUDGED or retry.strip():
        return linked
    failed = ", ".join(before.failing[:3]) or before.reason
    reason = (
        f"the same patch was taken back as landing {before.id}: {failed}. "
        f"Push it with the mistake mended, or with a line {RETRY}: <why it will go well now>"
    )
    return replace(linked, refused=before.failing, reason=reason)
