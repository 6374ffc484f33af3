# SPDX-License-Identifier: GPL-2.0-only
"""Benchmarks with peers, side by side: ``python -m bench NAME [--seed N] [--quick] [--plot DIR]``."""
