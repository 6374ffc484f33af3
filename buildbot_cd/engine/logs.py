# SPDX-License-Identifier: GPL-2.0-only
"""Failures of what nobody waits for, into twistd.log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.python import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure


def logged(what: str) -> Callable[[Failure], None]:
    """An errback that writes the failure and ``what`` it means into the log, and lets the work go on."""

    def write(failure: Failure) -> None:
        log.err(failure, what)

    return write
