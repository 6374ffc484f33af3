# SPDX-License-Identifier: GPL-2.0-only
"""The gate: states of a landing, admission, and what must happen next."""
