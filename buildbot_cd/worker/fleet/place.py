# SPDX-License-Identifier: GPL-2.0-only
"""What the daemon and its clients agree on: names in the folder where they meet, and which code they run."""

from __future__ import annotations

import functools
import hashlib
from importlib import resources

SOCKET = "cd-fleet.sock"
LOCK = "cd-fleet.lock"
"""Locked while a daemon lives; holds its process id."""
LOG = "cd-fleet.log"


@functools.cache
def code_digest() -> str:
    """The code of this package as it was when it was first asked for; a daemon of other code is replaced."""
    total = hashlib.sha256()
    for file in sorted(resources.files("buildbot_cd.worker.fleet").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            total.update(file.read_bytes())
    return total.hexdigest()
