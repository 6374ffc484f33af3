# SPDX-License-Identifier: GPL-2.0-only
"""Setting up an existing master and repository: what is there, five questions, and the files that follow from them."""
