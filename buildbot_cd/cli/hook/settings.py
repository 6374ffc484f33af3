# SPDX-License-Identifier: GPL-2.0-only
"""What the administrator of the git server configured on the hook's command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """``limit`` in seconds, for everything together; ``fail``: open, closed, or last (as the gate was last seen)."""

    master: str
    branch: str = "main"
    gate: str = "trunk"
    token_file: str | None = None
    limit: float = 2.0
    fail: str = "last"
    bots: frozenset[str] = frozenset()
    emergency: frozenset[str] = frozenset()
    repository: str = ""

    @property
    def trunk(self) -> str:
        """Trunk's full name."""
        return f"refs/heads/{self.branch}"
