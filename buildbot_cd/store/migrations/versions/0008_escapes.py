# SPDX-License-Identifier: GPL-2.0-only
"""Escapes; when each test last passed; the newest run of a kind, and the open ones, without reading all."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the table, two columns and two indexes."""
    op.create_table(
        "cd_escapes",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("test", sa.Text(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("found_at", sa.Double(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("suspects", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("probes", sa.Text(), nullable=False),
        sa.Column("culprit", sa.BigInteger(), nullable=True),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="cd_escapes_pkey"),
    )
    op.create_index("cd_escapes_gate_state_id_idx", "cd_escapes", ["gate", "state", "id"])
    op.create_index("cd_escapes_gate_test_id_idx", "cd_escapes", ["gate", "test", "id"])
    op.create_index("cd_run_gate_kind_id_idx", "cd_run", ["gate", "kind", "id"])
    op.create_index("cd_run_gate_state_idx", "cd_run", ["gate", "state"])
    op.add_column("cd_duration", sa.Column("at", sa.Double(), server_default="0", nullable=False))
    op.add_column("cd_duration", sa.Column("revision", sa.Text(), server_default="", nullable=False))
