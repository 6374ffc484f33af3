# SPDX-License-Identifier: GPL-2.0-only
"""``python -m buildbot_cd.worker.git``: request on stdin, answer as the last thing on stdout, talk on stderr.

Exit code 0: answered, and a conflict or a refusal is an answer; 2: the request is no good; 3: git or the network
failed. With 2 and 3 the answer is ``{"error": text}``. Long answers travel in pieces, see `buildbot_cd.core.wire`.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

from buildbot_cd.core.wire import lines
from buildbot_cd.errors import GitError
from buildbot_cd.worker.git.candidate import candidate
from buildbot_cd.worker.git.marks import mark
from buildbot_cd.worker.git.mirror import Place, opened
from buildbot_cd.worker.git.observe import diff, observe
from buildbot_cd.worker.git.request import BadRequest, parse
from buildbot_cd.worker.git.revert import revert
from buildbot_cd.worker.git.run import redact

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from buildbot_cd.worker.git.mirror import Mirror
    from buildbot_cd.worker.git.request import Fields

VERBS: dict[str, Callable[[Mirror, Fields], dict[str, Any]]] = {
    "observe": observe,
    "candidate": candidate,
    "revert": revert,
    "mark": mark,
    "diff": diff,
}


def answer(text: str) -> dict[str, Any]:
    """Do one request. Raises BadRequest and GitError."""
    fields = parse(text)
    verb = VERBS.get(fields.text("verb"))
    if verb is None:
        raise BadRequest(f"request: verb must be one of {', '.join(VERBS)}, not {fields.text('verb')!r:.80}")
    with opened(Place.read(fields)) as mirror:
        return verb(mirror, fields)


def main() -> int:
    """Do the request on stdin; the exit code."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        found, code = answer(sys.stdin.buffer.read().decode("utf-8", "replace")), 0
    except BadRequest as error:
        found, code = {"error": str(error)}, 2
    except (GitError, OSError) as error:
        found, code = {"error": redact(str(error))}, 3
    if code:
        sys.stderr.write(f"{clean(found['error'])}\n")
    sys.stdout.write("".join(f"{one}\n" for one in lines(clean(found))))
    sys.stdout.flush()
    return code


def clean(value: Any) -> Any:
    """The value with bytes that are no UTF-8 shown as U+FFFD, and no NUL, which no database takes."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {clean(key): clean(one) for key, one in value.items()}
    return [clean(one) for one in value] if isinstance(value, list | tuple) else value


def _stop(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
