# SPDX-License-Identifier: GPL-2.0-only
"""The commit block, seen from the terminal of whoever pushes."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.core.landing.moves import Policy, halted_gate, under
from buildbot_cd.core.landing.people import People
from buildbot_cd.core.landing.spans import Usual
from buildbot_cd.core.landing.values import Freeze, Gate, Mode, State
from tests.cli.hook.conftest import HOLDER, NOW, queued

if TYPE_CHECKING:
    from tests.cli.hook.conftest import Master, Server


def _hold(master: Master, **more: Any) -> None:
    master.landings = (replace(HOLDER, **more), *master.landings)


def _push(server: Server, *options: str, **env: str) -> tuple[bool, str]:
    done = server.git("push", *options, "origin", "main", **env)
    return done.returncode == 0, done.stderr


def test_a_free_gate_takes_a_push(server: Server, master: Master) -> None:
    """One question to the data API, and the push is on trunk."""
    server.install("pre-receive")
    sha = server.commit()
    assert _push(server)[0]
    assert server.tip() == sha
    assert [(method, path) for method, path, _, _ in master.seen] == [("GET", "/api/v2/cd/gates/trunk/pushers/ada")]


def test_a_held_slot_refuses_with_holder_place_and_time(server: Server, master: Master) -> None:
    """Who is in test, since when, with what; your place; when your turn is, from the gate's usual durations."""
    server.install("pre-receive")
    before = server.tip()
    server.commit()
    master.landings = (queued(13, "ida@x"), queued(14, "ruth@x"))
    _hold(master)
    accepted, said = _push(server)
    assert not accepted
    assert server.tip() == before
    assert "grace@example.org has landing 12 in testing, for 2 min: Add a discount" in said
    assert "You are number 3 in the queue; your turn is in about 22 min to 31 min: push again then." in said
    assert f"Look: {master.url}/#/cd" in said


def test_without_enough_past_no_time_is_claimed(server: Server, master: Master) -> None:
    """A gate that has seen few landings says that it does not know."""
    server.install("pre-receive")
    server.commit()
    _hold(master)
    master.usual = Usual((480.0,) * 4, (), ())
    assert "number 1 in the queue; nobody knows yet how long that takes" in _push(server)[1]


@pytest.mark.parametrize("who", ["grace@example.org", "grace", "GRACE@example.org"])
def test_the_holder_may_push_on(server: Server, master: Master, who: str) -> None:
    """Whoever holds the test slot is let through, by address or by the account's name."""
    server.install("pre-receive")
    sha = server.commit()
    _hold(master)
    assert _push(server, CD_PUSHER=who)[0]
    assert server.tip() == sha


def test_the_holder_is_known_under_every_name(server: Server, master: Master) -> None:
    """The gate's own list of addresses and logins decides, not how alike two texts are."""
    names = {"grace@example.org": "Grace Hopper", "ghopper": "Grace Hopper"}
    master.policy = replace(master.policy, people=People(names))
    server.install("pre-receive")
    sha = server.commit()
    _hold(master, engineer="Grace Hopper")
    assert not _push(server, CD_PUSHER="hopper")[0]
    assert _push(server, CD_PUSHER="ghopper")[0]
    assert server.tip() == sha


def test_a_queued_trunk_takes_pushes_while_somebody_is_in_test(server: Server, master: Master) -> None:
    """The block is that of mode: blocked; in queued mode the push waits in the queue, and only a freeze refuses it."""
    master.policy = Policy(blocked=False)
    server.install("pre-receive")
    sha = server.commit()
    _hold(master)
    assert _push(server)[0]
    assert server.tip() == sha
    server.commit()
    master.gate = halted_gate(master.gate, "trunk was rewritten")
    accepted, said = _push(server)
    assert not accepted
    assert "The gate is halted by gate: trunk was rewritten" in said


def test_who_comes_next_may_push_on(server: Server, master: Master) -> None:
    """Between two holders trunk is that of the first in the queue; others hear whose turn it is."""
    server.install("pre-receive")
    sha = server.commit()
    master.landings = (queued(13, "ida@x"),)
    accepted, said = _push(server)
    assert not accepted
    assert "Landing 13 is about to enter the test slot" in said
    assert "You are number 2 in the queue" in said
    assert _push(server, CD_PUSHER="ida")[0]
    assert server.tip() == sha


def test_nobody_pushes_into_a_revert(server: Server, master: Master) -> None:
    """Not even the holder, whose landing is being taken back."""
    server.install("pre-receive", "--bot", "cd-gate")
    sha = server.commit()
    _hold(master, state=State.REVERTING, reason="test_total failed")
    accepted, said = _push(server, CD_PUSHER="grace")
    assert not accepted
    assert "Landing 12 is reverting: test_total failed" in said
    assert _push(server, CD_PUSHER="cd-gate")[0]
    assert server.tip() == sha


def test_a_freeze_says_who_why_and_until(server: Server, master: Master) -> None:
    """In words, with the moment at which it ends."""
    server.install("pre-receive")
    server.commit()
    master.gate = under(master.gate, Freeze(Mode.CLOSED, "moving the database", "ruth", NOW))
    accepted, said = _push(server)
    assert not accepted
    assert "The gate is frozen by ruth: moving the database" in said
    assert "It opens by itself at 2023-11-1" in said


def test_other_branches_are_not_asked_about(server: Server, master: Master) -> None:
    """Neither refused nor slowed down: the master hears nothing."""
    server.install("pre-receive")
    server.commit()
    _hold(master)
    assert server.git("push", "origin", "HEAD:refs/heads/topic").returncode == 0
    assert master.seen == []


def test_trunk_is_not_deleted(server: Server) -> None:
    """Whatever the gate's state."""
    server.install("pre-receive")
    server.git("config", "receive.denyDeletes", "false", where=server.bare)
    server.git("config", "receive.denyDeleteCurrent", "ignore", where=server.bare)
    done = server.git("push", "origin", ":main")
    assert done.returncode != 0
    assert "main is trunk and cannot be deleted" in done.stderr


def test_only_the_gate_writes_its_refs(server: Server) -> None:
    """A forged record of a revert would else tell the gate that somebody's work is gone."""
    server.install("pre-receive", "--bot", "cd-gate")
    done = server.git("push", "origin", "HEAD:refs/cd/revert/1")
    assert done.returncode != 0
    assert "refs/cd/revert/1 belongs to the gate" in done.stderr
    assert server.git("push", "origin", "HEAD:refs/cd/revert/1", CD_PUSHER="cd-gate").returncode == 0


def test_the_emergency_lane(server: Server, master: Master) -> None:
    """Only for those who are named, on the hook's line or in cd.yaml, and with a reason; the others hear why not."""
    server.install("pre-receive", "--emergency", "ada,ruth")
    sha = server.commit()
    _hold(master)
    assert "it needs a reason" in _push(server, "-o", "cd.emergency=")[1]
    assert "ida may not use it" in _push(server, "-o", "cd.emergency=INC-7", CD_PUSHER="ida")[1]
    accepted, said = _push(server, "-o", "cd.emergency=INC-7")
    assert accepted
    assert "let through as an emergency: INC-7" in said
    assert server.tip() == sha
    sha = server.commit()
    master.policy = replace(master.policy, people=People(emergency=frozenset({"ida"})))
    assert _push(server, "-o", "cd.emergency=INC-7", CD_PUSHER="ida")[0]
    assert server.tip() == sha


BROKEN: list[dict[str, Any]] = [
    {"raw": b"<html>"},
    {"raw": b'{"pushers": []}'},
    {"raw": b'{"pushers": [3]}'},
    {"raw": b'{"pushers": [{"mode": "open"}]}'},
    {"raw": b'{"pushers": [{"may": false, "block": "held", "now": 1, "holder": {"since": "x"}}]}'},
    {"raw": b"[" * 100_000},
    {"raw": b"x" * 3_000_000},
    {"status": 404},
    {"status": 500},
]


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_a_master_that_talks_nonsense(server: Server, master: Master, broken: dict[str, Any]) -> None:
    """Open lets the push in with a word about it; closed refuses it; neither shows a traceback."""
    for name, value in broken.items():
        setattr(master, name, value)
    server.install("pre-receive", "--fail", "closed")
    sha = server.commit()
    accepted, said = _push(server)
    assert not accepted
    assert "Traceback" not in said
    server.install("pre-receive", "--fail", "open")
    accepted, said = _push(server)
    assert accepted
    assert "the push is taken, and the gate tests it in its turn" in said
    assert server.tip() == sha


def test_a_master_that_hangs_costs_the_limit_and_no_more(server: Server, master: Master) -> None:
    """The limit is for everything together."""
    master.hang = threading.Event()
    server.install("pre-receive", "--fail", "open", limit=1)
    server.commit()
    before = time.monotonic()
    accepted, said = _push(server)
    assert accepted
    assert "did not answer within 1.0 s" in said
    assert time.monotonic() - before < 20  # the limit, plus a git and a Python on a busy machine


def test_a_name_that_cannot_be_looked_up(server: Server, master: Master) -> None:
    """No address, no master: as if it were down."""
    master.url = "http://no-such-host.invalid"
    server.install("pre-receive", "--fail", "closed")
    server.commit()
    accepted, said = _push(server)
    assert not accepted
    assert "cannot be reached" in said or "did not answer" in said


def test_what_was_last_seen_decides_when_the_master_is_down(server: Server, master: Master) -> None:
    """A gate that was open lets pushes in; one that was frozen does not become open by a crash of its master."""
    server.install("pre-receive")
    server.commit()
    master.status = 503
    assert _push(server)[0]
    master.status, master.gate = 200, under(Gate("trunk"), Freeze(Mode.CLOSED, "audit", "ruth"))
    server.commit()
    assert not _push(server)[0]
    master.status = 503
    accepted, said = _push(server)
    assert not accepted
    assert "when it was last seen, the gate was closed" in said
    master.status, master.gate = 200, Gate("trunk")
    assert _push(server)[0]


def test_the_token_is_sent_and_shown_nowhere(server: Server, master: Master, tmp_path: Any) -> None:
    """It goes into the header alone; what people read never has it, also when it is refused."""
    token = tmp_path / "token"
    token.write_text("hook:s3cret-token\n")
    server.install("pre-receive", "--token-file", str(token), "--fail", "closed")
    server.commit()
    master.status = 403
    said = _push(server)[1]
    assert "answers 403" in said
    assert "s3cret" not in said
    assert master.seen[0][2]["Authorization"] == "Basic aG9vazpzM2NyZXQtdG9rZW4="
    token.write_text("two\nlines")
    assert "has to hold one line" in _push(server)[1]
    token.unlink()
    assert "cannot be read" in _push(server)[1]


HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07",
    "$(touch /tmp/owned) `id`",
    "<script>",
    "a\nremote: all is well",
    "\udce9\u202e",
    "x" * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_from_commits_is_only_text(server: Server, master: Master, text: str) -> None:
    """Names and subjects that the master passes on cannot drive the terminal or fake a line."""
    server.install("pre-receive")
    server.commit()
    _hold(master, subject=text, engineer=text)
    said = _push(server)[1]
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert not any(row.startswith("remote: remote:") for row in said.splitlines())
    assert len(said) < 3000


def test_hostile_branches_and_options(server: Server, master: Master) -> None:
    """Refs and options are anybody's text; they are compared, never run, and many of them are no problem."""
    server.install("pre-receive")
    sha = server.commit()
    options = [word for number in range(60) for word in ("-o", f"x{number}=$(id);'\"\u202e")]
    assert server.git("push", *options, "origin", "HEAD:refs/heads/$(id);täg'x").returncode == 0
    assert _push(server, *options)[0]
    assert server.tip() == sha


def test_wrong_words_are_told_with_the_remedy(server: Server, master: Master) -> None:
    """An address that is none is named; git refuses nothing because of it unless told so."""
    master.url = "cd.example.org"
    server.install("pre-receive", "--fail", "closed")
    server.commit()
    assert "--master has to be an address like https://" in _push(server)[1]
