# SPDX-License-Identifier: GPL-2.0-only
"""The reconciler: read a snapshot, decide by the rules, commit, perform the effects. The only place that acts."""
