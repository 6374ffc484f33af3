# SPDX-License-Identifier: GPL-2.0-only
"""Leases, crashes and copies of tests; speeds of workers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add four columns to the tests of runs, and the table of speeds."""
    op.add_column("cd_run_test", sa.Column("crashes", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("cd_run_test", sa.Column("lease_until", sa.Double(), nullable=True))
    op.add_column("cd_run_test", sa.Column("started_at", sa.Double(), nullable=True))
    op.add_column("cd_run_test", sa.Column("copied_to", sa.Text(), nullable=True))
    op.create_table(
        "cd_worker_speed",
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("mean", sa.Double(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("overhead", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("gate", "worker", name="cd_worker_speed_pkey"),
    )
