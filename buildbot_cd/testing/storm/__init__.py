# SPDX-License-Identifier: GPL-2.0-only
"""A storm over a real master: processes killed at random moments, and what has to hold when it is over."""
