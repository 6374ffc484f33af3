# SPDX-License-Identifier: GPL-2.0-only
"""What the daemon and its clients agree on: names in the folder where they meet, and which code they run."""

from __future__ import annotations

import functools
import hashlib
import os

SOCKET = "cd-fleet.sock"
LOCK = "cd-fleet.lock"
"""Locked while a daemon lives; holds its process id."""
LOG = "cd-fleet.log"


@functools.cache
def code_digest() -> str:
    """The code of this package as it was when it was first asked for; a daemon of other code is replaced."""
    total = hashlib.sha256()
    folder = os.path.dirname(os.path.abspath(__file__))
    for name in sorted(name for name in os.listdir(folder) if name.endswith(".py")):
        with open(os.path.join(folder, name), "rb") as file:
            total.update(file.read())
    return total.hexdigest()
