# SPDX-License-Identifier: GPL-2.0-only
"""What Buildbot serves below ``/plugins/cd/``: the bundle that is built from ``ui/``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from buildbot.www.plugin import Application
from twisted.python import log
from twisted.web import static

import buildbot_cd

STATIC = Path(__file__).parent / "static"
BUNDLE = ("scripts.js", "styles.css")
_GZIP = re.compile(rb"(?:^|[\s,])gzip(?:$|[\s,])")
MISSING = (
    "cd: the pages are not shown, because their bundle has not been built. A wheel of buildbot_cd has it; "
    "in a source checkout, install Node 20 or newer and run `make ui`"
)


def is_built(folder: Path = STATIC) -> bool:
    """Whether the two files that Buildbot's page asks for are there."""
    return all((folder / name).is_file() for name in BUNDLE)


class Revalidated(static.File):
    """Files that a browser keeps, but asks about each time: their names do not change with their content."""

    def render_GET(self, request: Any) -> Any:
        """As the stock resource, which answers 304 to who has the newest already."""
        request.setHeader(b"cache-control", b"no-cache")
        return super().render_GET(request)

    render_HEAD = render_GET

    def getChild(self, path: bytes, request: Any) -> Any:
        """The file of this name; the one that was compressed when it was built, for browsers that take it so."""
        child = super().getChild(path, request)
        if not isinstance(child, Revalidated):
            return child
        request.setHeader(b"vary", b"accept-encoding")
        packed = Revalidated(f"{child.path}.gz")
        accepted = b",".join(request.requestHeaders.getRawHeaders(b"accept-encoding", []))
        return packed if packed.isfile() and _GZIP.search(accepted) else child


class Pages(Application):
    """The plugin. Buildbot loads it in every master, so it is made even where the bundle is missing."""

    def __init__(self, folder: Path = STATIC) -> None:
        self.folder = folder
        # Buildbot's own constructor reads a file VERSION and dies without it; our version is in the package.
        self.description = "Continuous deployment"
        self.version = buildbot_cd.__version__  # type: ignore[assignment] # text there too, in the end
        self.static_dir = folder
        self.resource = Revalidated(str(folder))
        self.ui = True

    def lacks(self) -> str:
        """Why the pages cannot be shown, with the remedy; `""` if they can."""
        return "" if is_built(self.folder) else MISSING

    def setConfiguration(self, config: object) -> None:
        """Buildbot calls this in a master that has switched the plugin on."""
        super().setConfiguration(config)
        if self.lacks():
            log.msg(self.lacks())
