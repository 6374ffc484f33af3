# SPDX-License-Identifier: GPL-2.0-only
"""All tables of the first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    _cd_duration()
    _cd_gate()
    _cd_intent()
    _cd_landing()
    _cd_rollout()
    _cd_rollout_host()
    _cd_run()
    _cd_run_need()
    _cd_run_test()
    _cd_slot()
    _cd_transition()
    _cd_verdict()
    _cd_writer()


def _cd_duration() -> None:
    op.create_table(
        "cd_duration",
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("nid", sa.Text(), nullable=False),
        sa.Column("n", sa.Double(), nullable=False),
        sa.Column("mean", sa.Double(), nullable=False),
        sa.Column("variance", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("gate", "nid", name="cd_duration_pkey"),
    )


def _cd_gate() -> None:
    op.create_table(
        "cd_gate",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("mode_reason", sa.Text(), nullable=False),
        sa.Column("mode_by", sa.Text(), nullable=False),
        sa.Column("mode_until", sa.Double(), nullable=True),
        sa.Column("trunk", sa.Text(), nullable=True),
        sa.Column("tested", sa.Text(), nullable=True),
        sa.Column("live", sa.Text(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="cd_gate_pkey"),
    )


def _cd_intent() -> None:
    op.create_table(
        "cd_intent",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("landing", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="cd_intent_pkey"),
        sa.UniqueConstraint("key", name="cd_intent_key_key"),
    )
    op.create_index("cd_intent_landing_gate_id_idx", "cd_intent", ["landing", "gate", "id"])
    op.create_index("cd_intent_state_gate_id_idx", "cd_intent", ["state", "gate", "id"])


def _cd_landing() -> None:
    op.create_table(
        "cd_landing",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("engineer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("queued_at", sa.Double(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("infra_attempts", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.Double(), nullable=True),
        sa.Column("candidate", sa.Text(), nullable=True),
        sa.Column("failing", sa.Text(), nullable=False),
        sa.Column("cause", sa.BigInteger(), nullable=True),
        sa.Column("revert_kind", sa.Text(), nullable=False),
        sa.Column("revert", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="cd_landing_pkey"),
        sa.UniqueConstraint("gate", "head", name="cd_landing_gate_head_key"),
    )
    op.create_index("cd_landing_gate_id_idx", "cd_landing", ["gate", "id"])
    op.create_index("cd_landing_gate_state_since_idx", "cd_landing", ["gate", "state", "since"])


def _cd_rollout() -> None:
    op.create_table(
        "cd_rollout",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("landing", sa.BigInteger(), nullable=True),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("baseline", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="cd_rollout_pkey"),
        sa.UniqueConstraint("gate", "fence", name="cd_rollout_gate_fence_key"),
        sa.UniqueConstraint("key", name="cd_rollout_key_key"),
    )
    op.create_index("cd_rollout_gate_id_idx", "cd_rollout", ["gate", "id"])
    op.create_index("cd_rollout_landing_id_idx", "cd_rollout", ["landing", "id"])


def _cd_rollout_host() -> None:
    op.create_table(
        "cd_rollout_host",
        sa.Column("rollout", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("desired", sa.Text(), nullable=True),
        sa.Column("observed", sa.Text(), nullable=True),
        sa.Column("previous", sa.Text(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("rollout", "host", name="cd_rollout_host_pkey"),
    )


def _cd_run() -> None:
    op.create_table(
        "cd_run",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("landing", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("lower_bound", sa.Double(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="cd_run_pkey"),
        sa.UniqueConstraint("key", name="cd_run_key_key"),
    )
    op.create_index("cd_run_landing_id_idx", "cd_run", ["landing", "id"])


def _cd_run_need() -> None:
    op.create_table(
        "cd_run_need",
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("need", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("run", "need", "position", name="cd_run_need_pkey"),
    )


def _cd_run_test() -> None:
    op.create_table(
        "cd_run_test",
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("nid", sa.Text(), nullable=False),
        sa.Column("estimate", sa.Double(), nullable=False),
        sa.Column("rank", sa.Double(), nullable=False),
        sa.Column("requires", sa.Text(), nullable=False),
        sa.Column("unmet", sa.BigInteger(), nullable=False),
        sa.Column("group", sa.Text(), nullable=True),
        sa.Column("avoid_worker", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("claimed_at", sa.Double(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("done_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("run", "position", name="cd_run_test_pkey"),
        sa.UniqueConstraint("run", "nid", name="cd_run_test_run_nid_key"),
    )
    op.create_index(
        "cd_run_test_run_state_unmet_rank_position_idx", "cd_run_test", ["run", "state", "unmet", "rank", "position"]
    )


def _cd_slot() -> None:
    op.create_table(
        "cd_slot",
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("landing", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("gate", "slot", name="cd_slot_pkey"),
    )


def _cd_transition() -> None:
    op.create_table(
        "cd_transition",
        sa.Column("landing", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("landing", "seq", name="cd_transition_pkey"),
    )


def _cd_verdict() -> None:
    op.create_table(
        "cd_verdict",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rollout", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="cd_verdict_pkey"),
    )
    op.create_index("cd_verdict_rollout_id_idx", "cd_verdict", ["rollout", "id"])


def _cd_writer() -> None:
    op.create_table(
        "cd_writer",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name="cd_writer_pkey"),
    )
