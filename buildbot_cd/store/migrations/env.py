# SPDX-License-Identifier: GPL-2.0-only
"""Run by Alembic for every upgrade: on the connection and in the transaction that `store.upgrade` opened."""

from alembic import context

from buildbot_cd.store import schema
from buildbot_cd.store.upgrade import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.writer.metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
