# SPDX-License-Identifier: GPL-2.0-only
"""The store in memory: the twin of the one in SQL, for tests and simulations."""

from buildbot_cd.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
