# SPDX-License-Identifier: GPL-2.0-only
"""What the git server's hook tells of a push; re-lands and the fast lane of landings."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table of pushes, and three columns to the landings."""
    op.create_table(
        "cd_push",
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("gate", "head", name="cd_push_pkey"),
    )
    op.add_column("cd_landing", sa.Column("patch", sa.Text(), nullable=False, server_default=""))
    op.add_column("cd_landing", sa.Column("relands", sa.BigInteger(), nullable=True))
    op.add_column("cd_landing", sa.Column("emergency", sa.Text(), nullable=False, server_default=""))
    op.create_index("cd_landing_gate_patch_id_idx", "cd_landing", ["gate", "patch", "id"])
