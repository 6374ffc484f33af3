# SPDX-License-Identifier: GPL-2.0-only
"""Who may try a failed test again: another worker, so that a sick machine is not taken for a bad change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def may_take(worker: str, avoid: str | None, available: Collection[str]) -> bool:
    """Whether this worker may take a test that ``avoid`` should not take.

    ``available`` are the workers that could still ask. If there is none but ``avoid`` itself, it may: a second look on
    the same machine is worth less than on another one, but more than waiting for ever.
    """
    if avoid is None or worker != avoid:
        return True
    return not any(other != avoid for other in available)
