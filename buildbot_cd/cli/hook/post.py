# SPDX-License-Identifier: GPL-2.0-only
"""``post-receive``: trunk has moved, and the master hears of it at once instead of at its next look.

Nothing depends on it: what was pushed is read from git itself, so a change that is lost only costs time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from buildbot_cd.cli.hook.master import NoAnswer, tell
from buildbot_cd.cli.hook.wording import plain

if TYPE_CHECKING:
    from buildbot_cd.cli.hook.push import Push
    from buildbot_cd.cli.hook.settings import Settings


def post_receive(push: Push, settings: Settings) -> int:
    """Tell the master about trunk's new tip; always 0, since the push has happened."""
    update = push.of(settings.trunk)
    if update is None or update.new is None:
        return 0
    author, subject = _said(update.new)
    properties = {"cd_pusher": push.who, "cd_push_options": list(push.options), "cd_base": update.old}
    change = {
        "revision": update.new,
        "branch": settings.branch,
        "author": author,
        "comments": subject,
        "repository": settings.repository or _folder(),
        "properties": json.dumps(properties),
    }
    try:
        tell(settings, change)
    except NoAnswer as error:
        sys.stderr.write(f"buildbot-cd: {plain(str(error))}; the gate will see the push at its next look.\n")
    return 0


def _said(sha: str) -> tuple[str, str]:
    """Author and subject of the newest commit; the sha if git does not tell them."""
    argv = ["git", "log", "-1", "--no-show-signature", "--encoding=UTF-8", "--format=%an <%ae>%x00%s", sha, "--"]
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=1)
    except (OSError, subprocess.SubprocessError):
        return "unknown", sha
    author, _, subject = done.stdout.decode("utf-8", "replace").strip().partition("\0")
    return plain(author)[:200] or "unknown", plain(subject)[:200] or sha


def _folder() -> str:
    """The repository's name: hooks run in its directory."""
    path = Path(os.environ.get("GIT_DIR") or ".").resolve()
    return path.parent.name if path.name == ".git" else path.name
