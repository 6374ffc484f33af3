# SPDX-License-Identifier: GPL-2.0-only
"""Incidents; the stage whose watch a person ended early."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the table of incidents, and a column to the rollouts."""
    op.create_table(
        "cd_incident",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("landing", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("bad", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("whys", sa.Text(), nullable=False),
        sa.Column("test", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.Double(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="cd_incident_pkey"),
        sa.UniqueConstraint("key", name="cd_incident_key_key"),
    )
    op.create_index("cd_incident_gate_state_id_idx", "cd_incident", ["gate", "state", "id"])
    op.create_index("cd_incident_landing_id_idx", "cd_incident", ["landing", "id"])
    op.add_column("cd_rollout", sa.Column("promoted", sa.Text(), nullable=False, server_default=""))
