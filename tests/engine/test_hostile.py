# SPDX-License-Identifier: GPL-2.0-only
"""Whatever people write into commits, trailers, push options and names is data: no effect outside its own landing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from buildbot_cd.core.landing.message import compose
from buildbot_cd.core.landing.moves import EMERGENCY, Policy
from buildbot_cd.core.landing.people import People, Push
from buildbot_cd.core.landing.values import Effect, EffectKind, Gate, Intent, State
from buildbot_cd.engine.apply import answer, pushed, step
from buildbot_cd.engine.git_requests import GitSettings, request
from buildbot_cd.engine.views import Lens, landing_view, pusher_view
from buildbot_cd.store import EngineStore, upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from buildbot_cd.core.landing.values import Landing
    from buildbot_cd.store import Tx

HOSTILE = {
    "shell": "$(touch /tmp/owned); `id` && rm -rf / | sh #",
    "sql": "'; DROP TABLE cd_landing; -- \" OR 1=1",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "control": "\x00\x01\x1b[2J\x1b]0;owned\x07\r\nCD-Auto-Revert: test",
    "not utf-8": "caf\udce9 \udcff\ud800",
    "direction": "\u202egnp.exe\u2066 \u200b",
    "forged": "x\n\nCD-Reverts-Entry: trunk/1/revert/1.0\nCD-Reverts: " + "a" * 40 + "\nCD-Retry-Reason: because",
    "format": "%s%n{0}{reason}{{}} %(secret)s ${jndi:ldap://x}",
    "a megabyte": "m" * 1_000_000,
}
PEOPLE = People(emergency=frozenset({"ruth@x"}))
SETTINGS = GitSettings("/srv/git/shop.git", "main", "Deploy <deploy@x>", "http://cd/")


@pytest.fixture(params=HOSTILE, ids=lambda name: name.replace(" ", "-"))
def text(request: pytest.FixtureRequest) -> str:
    """One hostile text."""
    return HOSTILE[request.param]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a gate that has seen trunk's first commit; each test has a copy."""
    path = tmp_path_factory.mktemp("hostile") / "state.sqlite"
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    with engine.connect() as conn:
        upgrade(conn)
    seen = Gate("trunk", trunk="c0", tested="c0", live="c0")
    EngineStore(engine).transact_now(lambda tx: tx.gates.create(seen))
    engine.dispose()
    return path


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Iterator[EngineStore]:
    """The copy."""
    copy = shutil.copy(made, tmp_path / "state.sqlite")
    engine = sa.create_engine(f"sqlite:///{copy}", poolclass=sa.NullPool)
    yield EngineStore(engine)
    engine.dispose()


def commit(number: int, who: str = "ada@x", **more: Any) -> dict[str, Any]:
    """A commit as the git program tells of it."""
    told = {"subject": f"change {number}", "message": f"change {number}\n", "committer_email": who, "author_email": who}
    return {"sha": f"c{number}", "parent": f"c{number - 1}", "patch_id": f"p{number}", "trailers": {}, **told, **more}


def see(store: EngineStore, *commits: dict[str, Any]) -> list[Landing]:
    """The gate looks at trunk; all landings."""

    def look(tx: Tx) -> None:
        tx.outbox.put("trunk", None, Effect(EffectKind.OBSERVE, "look", {}), 0, 1.0)

    store.transact_now(look)
    found = {"tip": commits[-1]["sha"], "rewritten": False, "commits": list(commits)}
    assert store.transact_now(answer("trunk", "look", found, 1.0, PEOPLE)).counted
    return sorted(store.transact_now(lambda tx: tx.landings.recent("trunk", 99)), key=lambda one: one.id)


def test_what_a_commit_says_is_about_its_own_landing_only(store: EngineStore, text: str) -> None:
    """In subject, message, names and trailers: three landings, the neighbours as if nothing had happened."""
    keys = ("CD-Reverts-Entry", "CD-Reverts", "CD-Relands", "CD-Retry-Reason", "CD-Auto-Revert", text[:100])
    bad = commit(2, subject=text, message=text, author_email=text[:300], trailers={key: [text] for key in keys})
    before, hostile, after = see(store, commit(1, "ann@x"), {**bad, "committer_email": ""}, commit(3, "bob@x"))
    for one, number, who in ((before, 1, "ann@x"), (after, 3, "bob@x")):
        assert (one.head, one.engineer, one.subject) == (f"c{number}", who, f"change {number}")
        assert (one.state, one.priority, one.relands, one.cause) == (State.QUEUED, 0, None, None)
    assert (hostile.base, hostile.head, hostile.state, hostile.revert_kind) == ("c1", "c2", State.QUEUED, "")
    assert (hostile.priority, hostile.relands, hostile.emergency) == (0, None, "")
    kinds = {one.kind for one in store.transact_now(lambda tx: tx.outbox.unfinished("trunk"))}
    assert EffectKind.REVERT not in kinds
    shown = store.transact_now(lambda tx: landing_view(tx, hostile.id, Lens(Policy(), 2.0)))
    json.dumps(shown, allow_nan=False).encode("utf-8")


@pytest.mark.parametrize("state", [State.LIVE, State.QUEUED])
def test_a_forged_reland_links_to_nothing_that_was_not_taken_back(store: EngineStore, state: State) -> None:
    """Naming somebody's live or waiting landing changes neither."""
    (first,) = see(store, commit(1, "ann@x"))
    if state is State.LIVE:
        store.transact_now(lambda tx: tx.landings.update(replace(first, state=state), "gate", "watched", 1.0))
    forged = {"CD-Relands": ["c1"], "CD-Reverts": ["c1"], "CD-Reverts-Entry": ["trunk/1/revert/1.0"]}
    store.transact_now(lambda tx: tx.outbox.put("trunk", None, Effect(EffectKind.OBSERVE, "look2", {}), 0, 2.0))
    found = {"tip": "c2", "commits": [commit(2, "eve@x", trailers=forged)]}
    store.transact_now(answer("trunk", "look2", found, 2.0, PEOPLE))
    one, two = sorted(store.transact_now(lambda tx: tx.landings.recent("trunk", 9)), key=lambda one: one.id)
    assert one.state is state
    assert (two.state, two.relands, two.engineer) == (State.QUEUED, None, "eve@x")


@pytest.mark.parametrize("who", ["eve@x", "ruth@x"])
def test_push_options_hurry_those_who_may_and_nobody_else(store: EngineStore, text: str, who: str) -> None:
    """The reason is kept as one text; the option of somebody else does nothing at all."""
    reason = text[:1000].strip()
    see(store, commit(1, "ann@x"), commit(2, "eve@x"))
    push = Push("c1", "c2", who, {"cd.emergency": reason, reason: reason})
    store.transact_now(pushed("trunk", push, 2.0, PEOPLE))
    first, second = sorted(store.transact_now(lambda tx: tx.landings.recent("trunk", 9)), key=lambda one: one.id)
    assert (first.priority, first.emergency) == (0, "")
    assert second.priority == (EMERGENCY if who == "ruth@x" and reason else 0)
    assert bool(second.emergency) == bool(second.priority)


def test_a_push_identity_is_only_compared(store: EngineStore, text: str) -> None:
    """The hook's question about anybody is answered; nobody hurries by a clever name."""
    lens = Lens(Policy(blocked=True, people=PEOPLE), 2.0)
    see(store, commit(1, "ann@x"))
    told = store.transact_now(lambda tx: pusher_view(tx, "trunk", text, lens))
    assert told is not None
    assert (told["may"], told["hurries"], told["block"]) == (False, False, "queued")
    assert store.transact_now(lambda tx: pusher_view(tx, text[:100], "ann@x", lens)) is None


def test_a_reverts_message_has_no_line_of_theirs(store: EngineStore, text: str) -> None:
    """Names of tests and reasons stand on one line each, so none can pass for a trailer or a paragraph of ours."""
    (landing,) = see(store, commit(1, "ann@x"))
    payload = {"because": "test", "reason": text[:5000], "failing": [text[:5000]], "subject": text[:5000], "bad": []}
    intent = Intent("k", "trunk", landing.id, EffectKind.REVERT, payload, 0, 1.0)
    body = request(intent, Gate("trunk"), landing, SETTINGS)["body"]
    plain = request(
        Intent("k", "trunk", landing.id, EffectKind.REVERT, {**payload, "reason": "r", "failing": ["f"]}, 0, 1.0),
        Gate("trunk"),
        landing,
        SETTINGS,
    )["body"]
    assert len(body.split("\n")) == len(plain.split("\n"))
    assert not any(row.startswith("CD-") for row in body.splitlines())


def test_a_messages_subject_is_one_printable_line(store: EngineStore, text: str) -> None:
    """A mail's header and a chat's line cannot be split or driven by a commit."""
    (landing,) = see(store, commit(1, "ann@x", subject=text, message=text))
    for what in ("your_turn", "reverted", "evicted", "halted", "bypassed"):
        told = compose("id", what, landing, {"failing": [text], "reason": text, "sha": "s"}, "trunk", "http://cd/")
        assert told.subject.isprintable()
        assert len(told.subject) < 250


def drive(store: EngineStore, times: int = 5) -> None:
    """The reconciler's steps until it has to wait."""
    for _ in range(times):
        if store.transact_now(step("trunk", Policy(people=PEOPLE), 3.0)) is None:
            return
    raise AssertionError("the gate does not come to rest")


def told(store: EngineStore, kind: EffectKind, result: dict[str, Any]) -> None:
    """The one unfinished effect of this kind is answered, and the gate acts on it."""
    (key,) = (one.key for one in store.read_now(lambda tx: tx.outbox.unfinished("trunk")) if one.kind is kind)
    assert store.transact_now(answer("trunk", key, result, 3.0, PEOPLE)).counted
    drive(store)


@pytest.mark.parametrize("passes", [False, True])
def test_names_of_tests_are_only_names(store: EngineStore, text: str, passes: bool) -> None:
    """A repository gives its tests any name: what fails twice is taken back, what passes elsewhere is noted, and the
    neighbour waits for its turn as it did.
    """
    name = text[:1000]
    see(store, commit(1, "ann@x"), commit(2, "bob@x"))
    drive(store)
    told(store, EffectKind.CHECKS, {"verdict": "failed", "failing": [name], "ran": 5})
    retry = {name: "passed" if passes else "failed"}
    told(store, EffectKind.CONFIRM, {"retry": retry, "base": {name: "passed"}, "new_tests": text if passes else ""})
    first, second = sorted(store.read_now(lambda tx: tx.landings.recent("trunk", 9)), key=lambda one: one.id)
    assert first.state is (State.DEPLOYING if passes else State.REVERTING)
    assert len(store.read_now(lambda tx: tx.trust.flakes("trunk", 0.0))) == passes
    assert (second.state, second.reason) == (State.TESTING, "its checks run") if passes else (State.QUEUED, "")
    shown = store.read_now(lambda tx: landing_view(tx, first.id, Lens(Policy(), 4.0)))
    json.dumps(shown, allow_nan=False).encode("utf-8")


def test_paths_that_do_not_apply_are_only_named(store: EngineStore, text: str) -> None:
    """A file may have any name: the landing is taken back as a dependent one, and says which."""
    store.transact_now(lambda tx: tx.gates.update(replace(require(tx), tested="other")))
    see(store, commit(1, "ann@x"), commit(2, "bob@x"))
    drive(store)
    told(store, EffectKind.CANDIDATE, {"conflict": [text]})
    first, second = sorted(store.read_now(lambda tx: tx.landings.recent("trunk", 9)), key=lambda one: one.id)
    assert (first.state, first.revert_kind) == (State.REVERTING, "dependent")
    assert first.reason.startswith("it needs a change that was taken back: ")
    assert (second.state, second.reason) == (State.QUEUED, "")
    evicted = {"sha": "r1", "tip": "r1", "evicted": [{"id": second.id, "paths": [text]}], "unseen": []}
    told(store, EffectKind.REVERT, evicted)
    assert store.read_now(lambda tx: tx.landings.get(second.id)).state is State.REVERTED  # type: ignore[union-attr]


def require(tx: Tx) -> Gate:
    """The gate's row."""
    found = tx.gates.get("trunk")
    assert found is not None
    return found


def test_what_hosts_and_metrics_say_is_only_a_reason(store: EngineStore, text: str) -> None:
    """A rollout's answer carries words of hosts and of providers; they decide nothing."""
    see(store, commit(1, "ann@x"))
    drive(store)
    told(store, EffectKind.CHECKS, {"verdict": "passed", "reason": text})
    told(store, EffectKind.ROLLOUT, {"verdict": text, "reason": text, "failing": [text]})
    (one,) = store.read_now(lambda tx: tx.landings.recent("trunk", 9))
    assert (one.state, one.infra_attempts, one.revert_kind) == (State.DEPLOYING, 1, "")
    told(store, EffectKind.ROLLOUT, {"verdict": "regression", "reason": text, "failing": [text]})
    told(store, EffectKind.ROLLBACK, {"ok": False, "reason": text})
    (one,) = store.read_now(lambda tx: tx.landings.recent("trunk", 9))
    assert (one.state, one.revert_kind) == (State.ROLLING_BACK, "deploy")
