# SPDX-License-Identifier: GPL-2.0-only
"""Read models: what pages, the command line and events show, as JSON objects.

docs/reference/data-api.md has the fields. Each is a plain function of an open transaction, for `Store.read`.
"""

from buildbot_cd.engine.views.capacity import capacity_view
from buildbot_cd.engine.views.escapes import proposals_view
from buildbot_cd.engine.views.gates import Lens, Memory, gate_view, gates_view, history_view
from buildbot_cd.engine.views.hosts import fleet_view, host_row
from buildbot_cd.engine.views.incidents import incident_row, incident_view, incidents_view
from buildbot_cd.engine.views.landings import effects_view, landing_row, landing_view, landings_view, transitions_view
from buildbot_cd.engine.views.pushers import pusher_view
from buildbot_cd.engine.views.rollouts import (
    landing_rollouts_view,
    rollout_row,
    rollout_view,
    rollouts_view,
    verdicts_view,
)
from buildbot_cd.engine.views.runs import landing_runs_view, run_view, tests_view
from buildbot_cd.engine.views.suite import learnt_view, suite_view
from buildbot_cd.engine.views.trust import trust_view

__all__ = [
    "Lens",
    "Memory",
    "capacity_view",
    "effects_view",
    "fleet_view",
    "gate_view",
    "gates_view",
    "history_view",
    "host_row",
    "incident_row",
    "incident_view",
    "incidents_view",
    "landing_rollouts_view",
    "landing_row",
    "landing_runs_view",
    "landing_view",
    "landings_view",
    "learnt_view",
    "proposals_view",
    "pusher_view",
    "rollout_row",
    "rollout_view",
    "rollouts_view",
    "run_view",
    "suite_view",
    "tests_view",
    "transitions_view",
    "trust_view",
    "verdicts_view",
]
