# SPDX-License-Identifier: GPL-2.0-only
"""``pre-receive``: asks the gate whether this person may push now, and puts its answer into words.

The rule is the gate's (`core.landing.block`): the commit block of a ``blocked`` trunk, and a freeze in any mode. It is
there so that people hear at once what they would else find out later. Safety lies in the gate.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildbot_cd.cli.hook.master import NoAnswer, pusher
from buildbot_cd.cli.hook.wording import between, clock, plain, span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.cli.hook.push import Push
    from buildbot_cd.cli.hook.settings import Settings

MEMORY = "buildbot-cd-gate.json"
"""File beside the repository's own ones: how the gate was last seen."""

GATES_OWN = "refs/cd/"


def pre_receive(push: Push, settings: Settings) -> int:
    """0 to accept the push, 1 to refuse it; the reason goes to whoever pushes."""
    refusal = verdict(push, settings)
    if not refusal:
        return 0
    rows = "".join(f"  {plain(row)}\n" for row in refusal.splitlines())
    sys.stderr.write(f"\nbuildbot-cd: {settings.branch} does not take this push now.\n{rows}\n")
    return 1


def verdict(push: Push, settings: Settings) -> str:
    """Why the push is refused; empty if it is accepted."""
    if push.who.lower() in settings.bots:
        return ""
    own = [one.ref for one in push.updates if one.ref.startswith(GATES_OWN)]
    if own and settings.bots:
        return f"{own[0]} belongs to the gate: nobody else writes below {GATES_OWN}."
    update = push.of(settings.trunk)
    if update is None:
        return ""
    if update.new is None:
        return f"{settings.branch} is trunk and cannot be deleted."
    try:
        seen = pusher(settings, push.who)
    except NoAnswer as error:
        return _unknown(str(error), settings)
    _remember(seen)
    try:
        found = why_not(seen, settings)
        hurries = seen["hurries"] is True
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, OSError) as error:
        return _unknown(f"the master's answer has another shape than expected ({type(error).__name__})", settings)
    return _emergency(push, settings, found, hurries=hurries) if found else ""


def _emergency(push: Push, settings: Settings, refusal: str, *, hurries: bool) -> str:
    if push.emergency is None:
        return refusal
    if (hurries or push.who.lower() in settings.emergency) and push.emergency:
        sys.stderr.write(f"buildbot-cd: let through as an emergency: {plain(push.emergency)}\n")
        return ""
    why = "it needs a reason: -o cd.emergency=INCIDENT" if not push.emergency else f"{push.who} may not use it"
    return f"{refusal}\nThe emergency lane does not help: {why}."


def why_not(seen: Mapping[str, Any], settings: Settings) -> str:
    """The gate's ruling in words: its freeze, the landing in the way, the place in the queue. Empty: push."""
    if seen["may"] is True:
        return ""
    if seen["block"] == "frozen":
        return _frozen(seen)
    holder = seen["holder"]
    if seen["block"] == "held":
        since = span(float(seen["now"]) - float(holder["since"]))
        engineer, landing = holder["engineer"], holder["landing"]
        said = f"{engineer} has landing {landing} in {holder['state']}, for {since}: {holder['subject']}"
    else:
        said = f"{str(seen['sentence'])[:1].upper()}{str(seen['sentence'])[1:]}"
    return f"{said}\n{_place(seen)}{_look(settings)}"


def _frozen(seen: Mapping[str, Any]) -> str:
    words = {"closed": "frozen", "drain": "draining", "halted": "halted"}
    by = f" by {seen['by']}" if seen.get("by") else ""
    until = f"\nIt opens by itself at {clock(float(seen['until']))}." if seen.get("until") else ""
    mode = words.get(str(seen["mode"]), seen["mode"])
    return f"The gate is {mode}{by}: {seen.get('why') or 'no reason was given'}{until}"


def _place(seen: Mapping[str, Any]) -> str:
    """Where in the queue this push would be, and when its turn would come. A push that was refused keeps no place."""
    place = f"You are number {int(seen['position'])} in the queue"
    if not seen["turn"]:
        return f"{place}; nobody knows yet how long that takes."
    early, late = (max(0.0, float(moment) - float(seen["now"])) for moment in seen["turn"])
    return f"{place}; your turn is in about {between(early, late)}: push again then."


def _look(settings: Settings) -> str:
    return f"\nLook: {settings.master}/#/cd"


def _unknown(reason: str, settings: Settings) -> str:
    last = _last_mode()
    closed = settings.fail == "closed" or (settings.fail == "last" and last not in ("", "open"))
    if closed:
        more = f"; when it was last seen, the gate was {last}" if settings.fail == "last" else ""
        return f"{reason}{more}. Try again, or ask whoever looks after the gate."
    sys.stderr.write(f"buildbot-cd: {plain(reason)}; the push is taken, and the gate tests it in its turn.\n")
    return ""


def _memory() -> Path:
    return Path(os.environ.get("GIT_DIR") or ".") / MEMORY


def _remember(seen: Mapping[str, Any]) -> None:
    """Note the mode. A repository that cannot be written to by this account simply has no memory."""
    path = _memory()
    fresh = path.with_name(f"{MEMORY}.{os.getpid()}")
    try:
        fresh.write_text(json.dumps({"mode": str(seen.get("mode", "")), "at": time.time()}))
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)


def _last_mode() -> str:
    try:
        return str(json.loads(_memory().read_text())["mode"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
