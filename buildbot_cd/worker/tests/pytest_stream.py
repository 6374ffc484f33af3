# SPDX-License-Identifier: GPL-2.0-only
"""Collect or run pytest tests and tell about each in a line of JSON, as it happens.

    python cd_pytest.py collect --out FILE -- [arguments for pytest]
    python cd_pytest.py run --out FILE --tests LISTFILE -- [the same arguments]

This file is sent to a worker, with the ``cd_*.py`` files beside it, and run by the tested project's own Python (3.8 or
later) with its pytest (6 or later), from the top of the checkout. It needs nothing else, and changes nothing in the
project. ``-`` stands for stdout and stdin. What tests print goes to stderr, so that nothing gets between the lines. The
process ends with 0 if the work was done, whatever its results were. docs/explanation/dispatch.md tells the events and
what their absence means.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buildbot_cd.worker.tests import cd_names as text_of
    from buildbot_cd.worker.tests import cd_plugin as base
    from buildbot_cd.worker.tests import cd_run as running
else:
    import cd_names as text_of
    import cd_plugin as base
    import cd_run as running


class Collect(base.Plugin):
    """Tells about the tests that there are, and runs none."""

    @base.around
    def pytest_collection_modifyitems(self, items: list[Any]) -> Iterator[None]:
        """All tests were found, and all plugins of the project had their say."""
        yield
        for item in items:
            nid, path = self.names.item(item)
            try:
                fields = text_of.described(item, nid, path)
            except ValueError as problem:
                self.error(path, str(problem))
                continue
            self.count += 1
            self.out.event("test", **fields)

    @base.instead
    def pytest_runtestloop(self) -> bool:
        """There is nothing to run."""
        return True


def arguments(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The command line; what follows ``--`` is pytest's."""
    at = argv.index("--") if "--" in argv else len(argv)
    parser = argparse.ArgumentParser(prog="cd_pytest.py", description="Collect or run tests; see the top of this file.")
    parser.add_argument("verb", choices=("collect", "run"))
    parser.add_argument("--out", default="-", help="file for the events; - is stdout")
    parser.add_argument("--tests", help="file with one nid a line; - is stdin; for run")
    parser.add_argument("--ran", help="where pytest_ran.py lies, to tell what each test ran; for run")
    parser.add_argument("--traced", action="store_true", help="do so also by coverage.py, below Python 3.12")
    options = parser.parse_args(argv[:at])
    if (options.verb == "run") != (options.tests is not None):
        parser.error("run needs --tests, collect takes none")
    return options, argv[at + 1 :]


def main(argv: list[str]) -> int:
    """The program."""
    options, rest = arguments(argv)
    wanted = text_of.listed(options.tests) if options.tests else []
    out = text_of.Out(options.out)
    if base.NO_PYTEST:
        out.event("error", nid=None, path=None, text=base.NO_PYTEST)
        out.event("end", exit=4, count=0)
        return 4
    names = text_of.Names(os.getcwd())
    sys.path[0] = names.top  # as python -m pytest has it; not the folder of this file
    sys.argv[:] = ["pytest", *rest]
    worker = Collect(out, names) if options.verb == "collect" else running.Run(out, names, wanted)
    code = int(base.pytest.main(rest, plugins=[worker, *running.recording(options, worker)]))
    worker.finish(code)
    return 0 if code in running.DONE else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
