# SPDX-License-Identifier: GPL-2.0-only
"""A freeze that some priority passes, and the one that a halt found."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns to the gates."""
    op.add_column("cd_gate", sa.Column("min_priority", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("cd_gate", sa.Column("beneath", sa.Text(), nullable=True))
