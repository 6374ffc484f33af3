# SPDX-License-Identifier: GPL-2.0-only
"""Everything that must outlive the master, in its own database: see `interface` for what can be asked."""

from buildbot_cd.store.errors import SlotTaken
from buildbot_cd.store.interface import Store, Tx
from buildbot_cd.store.memory import MemoryStore
from buildbot_cd.store.sql import EngineStore, SqlStore
from buildbot_cd.store.upgrade import upgrade

__all__ = ["EngineStore", "MemoryStore", "SlotTaken", "SqlStore", "Store", "Tx", "upgrade"]
