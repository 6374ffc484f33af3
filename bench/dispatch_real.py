# SPDX-License-Identifier: GPL-2.0-only
"""Sleep suites in real processes, alone: what ``BENCH_REAL=1 python -m bench dispatch`` runs behind the simulation."""

from __future__ import annotations

from bench.dispatch import real
from bench.report import Options, Report


def run(options: Options) -> Report:
    """4 and 6 shards; quick: 4 shards, once."""
    report = Report("dispatch_real", options.seed)
    real.add_to(report, quick=options.quick)
    return report
