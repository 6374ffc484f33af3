# SPDX-License-Identifier: GPL-2.0-only
"""``python -m bench NAME``: a module ``bench.NAME`` (or package) with ``run(options: Options) -> Report``."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

import bench
from bench.report import Options

OWN = {"__main__", "report"}


def names() -> list[str]:
    """The benchmarks that there are."""
    return sorted(one.name for one in pkgutil.iter_modules(bench.__path__) if one.name not in OWN)


def main() -> int:
    """Exit status 0 if every target was met, 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="benchmarks with peers, side by side")
    parser.add_argument("name", choices=names())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a smaller one, for the build server")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="also draw a picture into this folder")
    given = parser.parse_args()
    report = importlib.import_module(f"bench.{given.name}").run(Options(given.seed, given.quick, given.plot))
    report.print()
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
