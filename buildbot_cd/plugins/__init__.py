# SPDX-License-Identifier: GPL-2.0-only
"""What Buildbot sees of us: thin classes, one a file."""
