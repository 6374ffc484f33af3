# SPDX-License-Identifier: GPL-2.0-only
"""Flaky tests and quarantines as both stores keep them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from buildbot_cd.core.landing.trust import Flakiness, Quarantine
from buildbot_cd.store.text import as_key, clean


def in_order(found: Iterable[Flakiness]) -> tuple[Flakiness, ...]:
    """The most often first, then by name; sorted here, since databases differ in the order of texts."""
    return tuple(sorted(found, key=lambda one: (-one.flakes, one.test)))


def stored_quarantine(order: Quarantine) -> Quarantine:
    """The quarantine as it comes back from the database."""
    return replace(
        order,
        test=as_key(order.test, "test"),
        owner=clean(order.owner),
        reason=clean(order.reason),
        by=clean(order.by),
    )
