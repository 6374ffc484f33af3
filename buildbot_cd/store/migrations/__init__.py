# SPDX-License-Identifier: GPL-2.0-only
"""Alembic's environment for the cd_ tables; one file a revision in ``versions``."""
