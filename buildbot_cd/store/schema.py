# SPDX-License-Identifier: GPL-2.0-only
"""The tables, all named ``cd_...``, in the master's database beside Buildbot's own.

Ids are given by the code (largest plus one) and not by the database: writers go one after the other, and the order of
ids is the order of arrival. Enumerations and JSON are Text, which every database has.
"""

from __future__ import annotations

import sqlalchemy as sa

from buildbot_cd.core.landing.values import TERMINAL, IntentState
from buildbot_cd.store.columns import Big, ident, maybe, metadata, number, text, time


def _listed(*states: str) -> str:
    return ", ".join(f"'{one}'" for one in sorted(states))


OPEN = sa.text(f"state NOT IN ({_listed(*TERMINAL)})")
"""The landings that have not ended: few, however many there ever were, and with an index of their own.

A query finds that index only by the very same words, so it says `OPEN` too. By `state` alone SQLite would not: once it
has counted (ANALYZE), it takes every state for as frequent as the average, and reads the whole table.
"""

UNFINISHED = sa.text(f"state IN ({_listed(IntentState.PENDING, IntentState.STARTED)})")
"""The same for the intents that somebody still has to perform."""

writer = sa.Table("cd_writer", metadata, sa.Column("id", Big, primary_key=True, autoincrement=False))
"""Never holds a row. PostgreSQL's writers lock it, so that they go one after the other, as SQLite's do anyhow."""

gate = sa.Table(
    "cd_gate",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    text("mode"),
    text("mode_reason"),
    text("mode_by"),
    time("mode_until", nullable=True),
    number("min_priority", default="0"),
    maybe("beneath"),
    maybe("trunk"),
    maybe("tested"),
    maybe("live"),
    maybe("pushed"),
    number("epoch"),
    number("version"),
)

landing = sa.Table(
    "cd_landing",
    metadata,
    ident(),
    text("gate"),
    text("base"),
    text("head"),
    text("engineer"),
    text("subject"),
    text("message"),
    text("state"),
    time("since"),
    time("queued_at"),
    number("priority"),
    number("attempt"),
    number("infra_attempts"),
    time("not_before", nullable=True),
    maybe("candidate"),
    text("failing"),
    number("cause", nullable=True),
    text("revert_kind"),
    maybe("revert"),
    text("reason"),
    number("version"),
    text("patch", default=""),
    number("relands", nullable=True),
    text("emergency", default=""),
    sa.UniqueConstraint("gate", "head"),
    sa.Index(None, "gate", "id"),
    sa.Index(None, "gate", "patch", "id"),
    sa.Index(None, "gate", "state", "since"),
    sa.Index("cd_landing_open_idx", "gate", "id", sqlite_where=OPEN, postgresql_where=OPEN),
)

push = sa.Table(
    "cd_push",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("head", sa.Text, primary_key=True),
    text("base"),
    text("who"),
    text("options"),
    time("at"),
)

flake = sa.Table(
    "cd_flake",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("test", sa.Text, primary_key=True),
    sa.Column("landing", Big, primary_key=True, autoincrement=False),
    time("at"),
    sa.Index(None, "gate", "at"),
)

quarantine = sa.Table(
    "cd_quarantine",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("test", sa.Text, primary_key=True),
    text("owner"),
    text("reason"),
    text("by"),
    time("at"),
    time("until"),
)

stressed = sa.Table(
    "cd_stressed",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("test", sa.Text, primary_key=True),
    sa.Column("landing", Big, nullable=False, autoincrement=False),
    sa.Column("rounds", Big, nullable=False, autoincrement=False),
    time("at"),
)

wrong_revert = sa.Table(
    "cd_wrong_revert",
    metadata,
    sa.Column("landing", Big, primary_key=True, autoincrement=False),
    text("by"),
    text("reason"),
    time("at"),
)

transition = sa.Table(
    "cd_transition",
    metadata,
    sa.Column("landing", Big, primary_key=True, autoincrement=False),
    sa.Column("seq", Big, primary_key=True, autoincrement=False),
    maybe("before"),
    text("after"),
    time("at"),
    text("actor"),
    text("reason"),
)

slot = sa.Table(
    "cd_slot",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("slot", sa.Text, primary_key=True),
    number("landing"),
    time("at"),
)

intent = sa.Table(
    "cd_intent",
    metadata,
    ident(),
    text("key"),
    text("gate"),
    number("landing", nullable=True),
    text("kind"),
    text("payload"),
    number("epoch"),
    time("created_at"),
    text("state"),
    time("started_at", nullable=True),
    maybe("ref"),
    maybe("result"),
    time("ended_at", nullable=True),
    sa.UniqueConstraint("key"),
    sa.Index("cd_intent_unfinished_idx", "gate", "id", sqlite_where=UNFINISHED, postgresql_where=UNFINISHED),
    sa.Index(None, "landing", "gate", "id"),
)

run = sa.Table(
    "cd_run",
    metadata,
    ident(),
    text("key"),
    text("gate"),
    number("landing", nullable=True),
    text("kind"),
    text("revision"),
    time("created_at"),
    text("state"),
    time("planned_at", nullable=True),
    time("ended_at", nullable=True),
    text("selection"),
    time("lower_bound", nullable=True),
    text("error"),
    sa.UniqueConstraint("key"),
    sa.Index(None, "landing", "id"),
    sa.Index(None, "gate", "kind", "id"),
    sa.Index(None, "gate", "state"),
)

run_test = sa.Table(
    "cd_run_test",
    metadata,
    sa.Column("run", Big, primary_key=True, autoincrement=False),
    sa.Column("position", Big, primary_key=True, autoincrement=False),
    text("nid"),
    time("estimate"),
    time("rank"),
    text("requires"),
    number("unmet"),
    maybe("group"),
    maybe("avoid_worker"),
    text("state"),
    maybe("worker"),
    time("claimed_at", nullable=True),
    maybe("outcome"),
    time("seconds", nullable=True),
    text("text"),
    time("done_at", nullable=True),
    sa.Column("crashes", Big, nullable=False, server_default="0"),
    time("lease_until", nullable=True),
    time("started_at", nullable=True),
    maybe("copied_to"),
    sa.UniqueConstraint("run", "nid"),
    sa.Index(None, "run", "state", "unmet", "rank", "position"),
)
"""``unmet`` counts the requirements inside the run that have not ended well yet: 0 means ready."""

run_need = sa.Table(
    "cd_run_need",
    metadata,
    sa.Column("run", Big, primary_key=True, autoincrement=False),
    sa.Column("need", Big, primary_key=True, autoincrement=False),
    sa.Column("position", Big, primary_key=True, autoincrement=False),
)
"""The test at ``position`` requires the one at position ``need``; looked up when the requirement's result comes."""

duration = sa.Table(
    "cd_duration",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("nid", sa.Text, primary_key=True),
    time("n"),
    time("mean"),
    time("variance"),
    sa.Column("at", sa.Double, nullable=False, server_default="0"),
    text("revision", default=""),
)
"""``at`` is when the test last passed on trunk or a candidate, 0 never, and ``revision`` on which commit."""

worker_speed = sa.Table(
    "cd_worker_speed",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("worker", sa.Text, primary_key=True),
    time("mean"),
    number("n"),
    time("overhead", nullable=True),
)
"""``mean`` of ln(speed) over ``n`` tests, and the seconds that a chunk costs beside its tests."""

ran = sa.Table(
    "cd_ran",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("nid", sa.Text, primary_key=True),
    sa.Column("units", sa.LargeBinary, nullable=False),
    time("at"),
)
"""``units`` are four bytes for each function and file that the test ran, see `core.selection.function_map`."""

cofailure = sa.Table(
    "cd_cofailure",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("test", sa.Text, primary_key=True),
    time("n"),
    time("at"),
)
"""How often a test failed with changes of a file, as of ``at``; under the test "" how often the file changed."""

catch = sa.Table(
    "cd_catch",
    metadata,
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("run", Big, primary_key=True, autoincrement=False),
    time("at"),
    time("needed"),
    time("whole"),
)
"""Seconds of tests that it took, in the order of a budget, until the first one failed; and of all that were chosen."""

rollout = sa.Table(
    "cd_rollout",
    metadata,
    ident(),
    text("key"),
    text("gate"),
    number("landing", nullable=True),
    text("release"),
    text("candidate"),
    number("fence"),
    number("seed"),
    time("started_at"),
    text("plan"),
    text("baseline"),
    text("state"),
    text("stage"),
    time("ended_at", nullable=True),
    text("reason"),
    number("version"),
    text("promoted", default=""),
    sa.UniqueConstraint("key"),
    sa.UniqueConstraint("gate", "fence"),
    sa.Index(None, "gate", "id"),
    sa.Index(None, "landing", "id"),
)

rollout_host = sa.Table(
    "cd_rollout_host",
    metadata,
    sa.Column("rollout", Big, primary_key=True, autoincrement=False),
    sa.Column("host", sa.Text, primary_key=True),
    text("role"),
    text("stage"),
    maybe("desired"),
    maybe("observed"),
    maybe("previous"),
    text("phase"),
    text("error"),
    time("at"),
)

verdict = sa.Table(
    "cd_verdict",
    metadata,
    ident(),
    number("rollout"),
    text("stage"),
    time("at"),
    text("kind"),
    text("reason"),
    text("evidence"),
    sa.Index(None, "rollout", "id"),
)

escape = sa.Table(
    "cd_escapes",
    metadata,
    ident(),
    text("gate"),
    text("test"),
    number("run"),
    time("found_at"),
    text("base"),
    text("suspects"),
    text("state"),
    text("probes"),
    number("culprit", nullable=True),
    time("probability", nullable=True),
    text("told"),
    text("reason"),
    time("ended_at", nullable=True),
    number("version"),
    sa.Index(None, "gate", "state", "id"),
    sa.Index(None, "gate", "test", "id"),
)
"""``suspects``, ``probes`` and ``told`` are JSON; ``culprit`` is a landing."""

incident = sa.Table(
    "cd_incident",
    metadata,
    ident(),
    text("key"),
    text("gate"),
    number("landing", nullable=True),
    text("cause"),
    text("subject"),
    text("bad"),
    time("opened_at"),
    time("due_at"),
    text("state"),
    text("whys"),
    text("test"),
    text("proof"),
    time("closed_at", nullable=True),
    number("version"),
    sa.UniqueConstraint("key"),
    sa.Index(None, "gate", "state", "id"),
    sa.Index(None, "landing", "id"),
)
