# SPDX-License-Identifier: GPL-2.0-only
"""What Buildbot sees of us: resource types and endpoints of the data API."""
