# SPDX-License-Identifier: GPL-2.0-only
"""Tests that were run over and over when they were new."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "cd_stressed",
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("test", sa.Text(), nullable=False),
        sa.Column("landing", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rounds", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("gate", "test", name="cd_stressed_pkey"),
    )
