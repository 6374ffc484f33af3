# SPDX-License-Identifier: GPL-2.0-only
"""Errors that only the store raises."""

from __future__ import annotations

from buildbot_cd.errors import StoreError


class SlotTaken(StoreError):
    """Another landing holds the slot: wait until it is free and decide anew."""
