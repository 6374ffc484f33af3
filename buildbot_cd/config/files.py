# SPDX-License-Identifier: GPL-2.0-only
"""Reading a configuration file from disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buildbot_cd.config.problems import ConfigErrors, Problem

if TYPE_CHECKING:
    from pathlib import Path


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8.

    Raises:
        ConfigErrors: the file is not there, may not be read, or is in another encoding.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigErrors([Problem(str(path), 0, "", f"cannot be read: {error.strerror}")]) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigErrors([Problem(str(path), line, "", "is not UTF-8; save the file in that encoding")]) from error
