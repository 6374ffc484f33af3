# SPDX-License-Identifier: GPL-2.0-only
"""The rules: pure, without clock, I/O, Twisted, Buildbot or SQL."""
