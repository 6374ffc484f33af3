# SPDX-License-Identifier: GPL-2.0-only
"""The store in SQL: SQLite or PostgreSQL."""

from buildbot_cd.store.sql.endurance import endure
from buildbot_cd.store.sql.kept_open import keep_open
from buildbot_cd.store.sql.store import EngineStore, SqlStore

__all__ = ["EngineStore", "SqlStore", "endure", "keep_open"]
