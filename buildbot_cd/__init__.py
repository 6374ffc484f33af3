# SPDX-License-Identifier: GPL-2.0-only
"""Continuous deployment for teams that already run Buildbot."""

__version__ = "0.1.0"
