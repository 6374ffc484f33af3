# SPDX-License-Identifier: GPL-2.0-only
"""The tables, all named ``cd_...``, in the master's database beside Buildbot's own.

Ids are given by the code (largest plus one) and not by the database: writers go one after the other, and the order of
ids is the order of arrival. Enumerations and JSON are Text, which every database has.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

_Big = sa.BigInteger


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    """``default`` is what rows have that were written before the column was made."""
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _maybe(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text)


def _time(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=nullable)


def _number(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[int]:
    """``default`` is what rows have that were written before the column was made."""
    return sa.Column(name, _Big, nullable=nullable, server_default=default)


def _ident() -> sa.Column[int]:
    return sa.Column("id", _Big, primary_key=True, autoincrement=False)


writer = sa.Table("cd_writer", metadata, sa.Column("id", _Big, primary_key=True, autoincrement=False))
"""Never holds a row. PostgreSQL's writers lock it, so that they go one after the other, as SQLite's do anyhow."""

gate = sa.Table(
    "cd_gate",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _text("mode"),
    _text("mode_reason"),
    _text("mode_by"),
    _time("mode_until", nullable=True),
    _number("min_priority", default="0"),
    _maybe("beneath"),
    _maybe("trunk"),
    _maybe("tested"),
    _maybe("live"),
    _number("epoch"),
    _number("version"),
)

landing = sa.Table(
    "cd_landing",
    metadata,
    _ident(),
    _text("gate"),
    _text("base"),
    _text("head"),
    _text("engineer"),
    _text("subject"),
    _text("message"),
    _text("state"),
    _time("since"),
    _time("queued_at"),
    _number("priority"),
    _number("attempt"),
    _number("infra_attempts"),
    _time("not_before", nullable=True),
    _maybe("candidate"),
    _text("failing"),
    _number("cause", nullable=True),
    _text("revert_kind"),
    _maybe("revert"),
    _text("reason"),
    _number("version"),
    _text("patch", default=""),
    _number("relands", nullable=True),
    _text("emergency", default=""),
    sa.UniqueConstraint("gate", "head"),
    sa.Index(None, "gate", "id"),
    sa.Index(None, "gate", "patch", "id"),
    sa.Index(None, "gate", "state", "since"),
)

push = sa.Table(
    "cd_push",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("head", sa.Text, primary_key=True),
    _text("base"),
    _text("who"),
    _text("options"),
    _time("at"),
)

flake = sa.Table(
    "cd_flake",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("test", sa.Text, primary_key=True),
    sa.Column("landing", _Big, primary_key=True, autoincrement=False),
    _time("at"),
    sa.Index(None, "gate", "at"),
)

quarantine = sa.Table(
    "cd_quarantine",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("test", sa.Text, primary_key=True),
    _text("owner"),
    _text("reason"),
    _text("by"),
    _time("at"),
    _time("until"),
)

stressed = sa.Table(
    "cd_stressed",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("test", sa.Text, primary_key=True),
    sa.Column("landing", _Big, nullable=False, autoincrement=False),
    sa.Column("rounds", _Big, nullable=False, autoincrement=False),
    _time("at"),
)

wrong_revert = sa.Table(
    "cd_wrong_revert",
    metadata,
    sa.Column("landing", _Big, primary_key=True, autoincrement=False),
    _text("by"),
    _text("reason"),
    _time("at"),
)

transition = sa.Table(
    "cd_transition",
    metadata,
    sa.Column("landing", _Big, primary_key=True, autoincrement=False),
    sa.Column("seq", _Big, primary_key=True, autoincrement=False),
    _maybe("before"),
    _text("after"),
    _time("at"),
    _text("actor"),
    _text("reason"),
)

slot = sa.Table(
    "cd_slot",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("slot", sa.Text, primary_key=True),
    _number("landing"),
    _time("at"),
)

intent = sa.Table(
    "cd_intent",
    metadata,
    _ident(),
    _text("key"),
    _text("gate"),
    _number("landing", nullable=True),
    _text("kind"),
    _text("payload"),
    _number("epoch"),
    _time("created_at"),
    _text("state"),
    _time("started_at", nullable=True),
    _maybe("ref"),
    _maybe("result"),
    _time("ended_at", nullable=True),
    sa.UniqueConstraint("key"),
    sa.Index(None, "state", "gate", "id"),
    sa.Index(None, "landing", "gate", "id"),
)

run = sa.Table(
    "cd_run",
    metadata,
    _ident(),
    _text("key"),
    _text("gate"),
    _number("landing", nullable=True),
    _text("kind"),
    _text("revision"),
    _time("created_at"),
    _text("state"),
    _time("planned_at", nullable=True),
    _time("ended_at", nullable=True),
    _text("selection"),
    _time("lower_bound", nullable=True),
    _text("error"),
    sa.UniqueConstraint("key"),
    sa.Index(None, "landing", "id"),
    sa.Index(None, "gate", "kind", "id"),
    sa.Index(None, "gate", "state"),
)

run_test = sa.Table(
    "cd_run_test",
    metadata,
    sa.Column("run", _Big, primary_key=True, autoincrement=False),
    sa.Column("position", _Big, primary_key=True, autoincrement=False),
    _text("nid"),
    _time("estimate"),
    _time("rank"),
    _text("requires"),
    _number("unmet"),
    _maybe("group"),
    _maybe("avoid_worker"),
    _text("state"),
    _maybe("worker"),
    _time("claimed_at", nullable=True),
    _maybe("outcome"),
    _time("seconds", nullable=True),
    _text("text"),
    _time("done_at", nullable=True),
    sa.Column("crashes", _Big, nullable=False, server_default="0"),
    _time("lease_until", nullable=True),
    _time("started_at", nullable=True),
    _maybe("copied_to"),
    sa.UniqueConstraint("run", "nid"),
    sa.Index(None, "run", "state", "unmet", "rank", "position"),
)
"""``unmet`` counts the requirements inside the run that have not ended well yet: 0 means ready."""

run_need = sa.Table(
    "cd_run_need",
    metadata,
    sa.Column("run", _Big, primary_key=True, autoincrement=False),
    sa.Column("need", _Big, primary_key=True, autoincrement=False),
    sa.Column("position", _Big, primary_key=True, autoincrement=False),
)
"""The test at ``position`` requires the one at position ``need``; looked up when the requirement's result comes."""

duration = sa.Table(
    "cd_duration",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("nid", sa.Text, primary_key=True),
    _time("n"),
    _time("mean"),
    _time("variance"),
    sa.Column("at", sa.Double, nullable=False, server_default="0"),
    _text("revision", default=""),
)
"""``at`` is when the test last passed on trunk or a candidate, 0 never, and ``revision`` on which commit."""

worker_speed = sa.Table(
    "cd_worker_speed",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("worker", sa.Text, primary_key=True),
    _time("mean"),
    _number("n"),
    _time("overhead", nullable=True),
)
"""``mean`` of ln(speed) over ``n`` tests, and the seconds that a chunk costs beside its tests."""

rollout = sa.Table(
    "cd_rollout",
    metadata,
    _ident(),
    _text("key"),
    _text("gate"),
    _number("landing", nullable=True),
    _text("release"),
    _text("candidate"),
    _number("fence"),
    _number("seed"),
    _time("started_at"),
    _text("plan"),
    _text("baseline"),
    _text("state"),
    _text("stage"),
    _time("ended_at", nullable=True),
    _text("reason"),
    _number("version"),
    _text("promoted", default=""),
    sa.UniqueConstraint("key"),
    sa.UniqueConstraint("gate", "fence"),
    sa.Index(None, "gate", "id"),
    sa.Index(None, "landing", "id"),
)

rollout_host = sa.Table(
    "cd_rollout_host",
    metadata,
    sa.Column("rollout", _Big, primary_key=True, autoincrement=False),
    sa.Column("host", sa.Text, primary_key=True),
    _text("role"),
    _text("stage"),
    _maybe("desired"),
    _maybe("observed"),
    _maybe("previous"),
    _text("phase"),
    _text("error"),
    _time("at"),
)

verdict = sa.Table(
    "cd_verdict",
    metadata,
    _ident(),
    _number("rollout"),
    _text("stage"),
    _time("at"),
    _text("kind"),
    _text("reason"),
    _text("evidence"),
    sa.Index(None, "rollout", "id"),
)

escape = sa.Table(
    "cd_escapes",
    metadata,
    _ident(),
    _text("gate"),
    _text("test"),
    _number("run"),
    _time("found_at"),
    _text("base"),
    _text("suspects"),
    _text("state"),
    _text("probes"),
    _number("culprit", nullable=True),
    _time("probability", nullable=True),
    _text("told"),
    _text("reason"),
    _time("ended_at", nullable=True),
    _number("version"),
    sa.Index(None, "gate", "state", "id"),
    sa.Index(None, "gate", "test", "id"),
)
"""``suspects``, ``probes`` and ``told`` are JSON; ``culprit`` is a landing."""

incident = sa.Table(
    "cd_incident",
    metadata,
    _ident(),
    _text("key"),
    _text("gate"),
    _number("landing", nullable=True),
    _text("cause"),
    _text("subject"),
    _text("bad"),
    _time("opened_at"),
    _time("due_at"),
    _text("state"),
    _text("whys"),
    _text("test"),
    _text("proof"),
    _time("closed_at", nullable=True),
    _number("version"),
    sa.UniqueConstraint("key"),
    sa.Index(None, "gate", "state", "id"),
    sa.Index(None, "landing", "id"),
)
