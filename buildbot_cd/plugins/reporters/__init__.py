# SPDX-License-Identifier: GPL-2.0-only
"""What Buildbot sees of us: reporters."""
