# SPDX-License-Identifier: GPL-2.0-only
"""Flakes, quarantines, and reverts that people call wrong."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "cd_flake",
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("test", sa.Text(), nullable=False),
        sa.Column("landing", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("gate", "test", "landing", name="cd_flake_pkey"),
    )
    op.create_index("cd_flake_gate_at_idx", "cd_flake", ["gate", "at"])
    op.create_table(
        "cd_quarantine",
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("test", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("gate", "test", name="cd_quarantine_pkey"),
    )
    op.create_table(
        "cd_wrong_revert",
        sa.Column("landing", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("landing", name="cd_wrong_revert_pkey"),
    )
