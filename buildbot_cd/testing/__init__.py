# SPDX-License-Identifier: GPL-2.0-only
"""Real services for tests on this machine; shipped, so that users can test their own masters."""
