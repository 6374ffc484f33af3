# SPDX-License-Identifier: GPL-2.0-only
"""The fan-out program of the deploy worker: one verb on many hosts, one process, NDJSON events.

``python -m buildbot_cd.worker.fleet`` reads one JSON request from stdin; docs/explanation/rollout.md tells the format.
"""
