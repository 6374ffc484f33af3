# SPDX-License-Identifier: GPL-2.0-only
"""Errors that only the store raises."""

from __future__ import annotations

from buildbot_cd.errors import StoreError


class SlotTaken(StoreError):
    """Another landing holds the slot: wait until it is free and decide anew."""


def missing(what: str, ident: object) -> StoreError:
    """The error for a row that should be there."""
    return StoreError(f"there is no {what} {ident}")
