# SPDX-License-Identifier: GPL-2.0-only
"""What tests ran, what failed with changes of which files, and how soon failures were found."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "cd_ran",
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("nid", sa.Text(), nullable=False),
        sa.Column("units", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("gate", "nid", name="cd_ran_pkey"),
    )
    op.create_table(
        "cd_cofailure",
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("test", sa.Text(), nullable=False),
        sa.Column("n", sa.Double(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("gate", "path", "test", name="cd_cofailure_pkey"),
    )
    op.create_table(
        "cd_catch",
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("needed", sa.Double(), nullable=False),
        sa.Column("whole", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("gate", "run", name="cd_catch_pkey"),
    )
