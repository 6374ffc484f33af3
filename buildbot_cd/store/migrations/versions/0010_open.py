# SPDX-License-Identifier: GPL-2.0-only
"""What is still open has indexes of its own; and trunk as the last revert left it, until a look has seen it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

OPEN = sa.text("state NOT IN ('bypassed', 'live', 'reverted')")
UNFINISHED = sa.text("state IN ('pending', 'started')")


def upgrade() -> None:
    """Add the column and the indexes; that of the unfinished intents takes the place of the one by state."""
    op.add_column("cd_gate", sa.Column("pushed", sa.Text(), nullable=True))
    for name, table, where in (
        ("cd_landing_open_idx", "cd_landing", OPEN),
        ("cd_intent_unfinished_idx", "cd_intent", UNFINISHED),
    ):
        op.create_index(name, table, ["gate", "id"], sqlite_where=where, postgresql_where=where)
    op.drop_index("cd_intent_state_gate_id_idx", "cd_intent")
