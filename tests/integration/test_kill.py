# SPDX-License-Identifier: GPL-2.0-only
"""``kill -9`` of the master at each stage: what comes back ends right, and nothing is done twice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from buildbot_cd.testing.letterbox import chat_server, mail_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
ON_BOTH = pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def mail() -> Iterator[Any]:
    """A running mail server."""
    with mail_server() as made:
        yield made


@pytest.fixture
def chat() -> Iterator[Any]:
    """A running webhook."""
    with chat_server() as made:
        yield made


def kill_and_restart(yard: Yard, barrier: str) -> None:
    """End the master as a power cut does, let whoever waits go on, and start it again."""
    yard.site.kill("master")
    yard.open(barrier)
    yard.site.start_master()


@ON_BOTH
def test_killed_while_testing_the_landing_is_tested_to_its_end_once(yard: Yard) -> None:
    """What had a result keeps it; what was in the air runs again; the landing goes live, once."""
    yard.start()
    yard.close("test_number[3]")
    yard.push("ada", "good")
    yard.reached("test_number[3]")
    yard.until(lambda: len(done(yard)) >= 1, "a test to have a result")
    finished = done(yard)
    kill_and_restart(yard, "test_number[3]")
    yard.comes_to("live", seconds=120)
    ran = Counter(line.removeprefix("begin ") for line in yard.lines("tests.log") if line.startswith("begin "))
    assert {name: ran[name] for name in finished} == dict.fromkeys(finished, 1)
    assert len(yard.rows("SELECT nid FROM cd_run_test WHERE state = 'done' AND outcome = 'passed'")) == 7
    assert yard.rows("SELECT count(*) FROM cd_rollout") == [(1,)]
    assert Counter(yard.lines("served.log")) == Counter(f"{name} {yard.releases().pop()}" for name in yard.host_names)


def done(yard: Yard) -> set[str]:
    """The names of the tests that have a result in the database."""
    return {str(row[0]).rsplit("::", 1)[1] for row in yard.rows("SELECT nid FROM cd_run_test WHERE state = 'done'")}


LETTERS = """
from buildbot.plugins import reporters
c["services"] = [reporters.cd.LandingNotifier(
    "cd@shop.example", relayhost="127.0.0.1", smtpPort={mail}, webhook="http://127.0.0.1:{chat}/hook")]
"""


@pytest.mark.parametrize("moment", ["before the push", "after the push"])
def test_killed_while_reverting_trunk_gets_one_revert(yard: Yard, moment: str, mail: Any, chat: Any) -> None:
    """Whether the push was out already or not, trunk ends with one revert and the tree it had; its engineer is told
    once by mail, and the team once in the chat, of what was before the kill and of what came after it.
    """
    tree = yard.tree()
    yard.start(LETTERS.format(mail=mail.server_address[1], chat=chat.server_address[1]))
    yard.push("ada", "broken-2")
    barrier = "push" if moment == "before the push" else "pushed"
    yard.close(barrier)
    yard.reached(barrier)
    assert yard.landing()["state"] == "reverting"
    assert len(yard.commits()) == (2 if moment == "before the push" else 3)
    kill_and_restart(yard, barrier)
    yard.comes_to("reverted", seconds=120)
    assert [one.startswith("Revert ") for one in yard.commits()] == [True, False, False]
    assert yard.tree() == tree
    assert yard.releases() == {"r0"}
    yard.push("grace", "good")
    yard.comes_to("live", 2)
    yard.until(lambda: told(yard) <= set(letters(mail)) & set(posts(chat)), "the messages to be delivered")
    assert letters(mail) == posts(chat) == Counter(told(yard))
    assert {(1, "your_turn"), (1, "reverted"), (2, "your_turn"), (2, "live")} <= {key(one) for one in told(yard)}
    assert {who for people, _ in mail.taken for who in people} == {"ada@shop.example", "grace@shop.example"}


def told(yard: Yard) -> set[str]:
    """The names of all messages that the gate has ordered, as words of a Message-ID."""
    return {str(row[0]).replace("/", ".") for row in yard.rows("SELECT key FROM cd_intent WHERE kind = 'notify'")}


def key(name: str) -> tuple[int, str]:
    """The landing that a message is about, and what it tells."""
    _, landing, _, what, *_ = name.split(".")
    return int(landing), what


def letters(mail: Any) -> Counter[str]:
    """The Message-IDs that the mail server has seen, and how often."""
    return Counter(str(message["Message-ID"]).strip("<>").split("@")[0] for _, message in mail.taken)


def posts(chat: Any) -> Counter[str]:
    """The ids that the chat has seen, and how often."""
    return Counter(str(body["id"]).replace("/", ".") for body in chat.taken)


@pytest.mark.parametrize("stage", ["canary", "fleet"])
def test_killed_while_deploying_the_fleet_carries_one_release(yard: Yard, stage: str) -> None:
    """The rollout goes on where it stood: a host that serves the release already is not restarted again."""
    yard.start()
    for name in yard.host_names:
        yard.close(f"restart-{name}")
    head = yard.push("ada", "good")
    planned = yard.until(lambda: stages(yard), "the rollout to be planned", 120)
    serving: set[str] = set()
    if stage == "fleet":
        serving = planned["canary"]
        let_through(yard, serving)
    for name in planned[stage]:
        yard.reached(f"restart-{name}")
    yard.site.kill("master")
    let_through(yard, set(yard.host_names) - serving)
    yard.site.start_master()
    yard.comes_to("live", seconds=120)
    assert yard.releases() == {f"r1-{head[:12]}"}
    served = Counter(line.split()[0] for line in yard.lines("served.log"))
    assert {name: served[name] for name in planned["canary"] | planned["fleet"] if name not in planned[stage]} == (
        dict.fromkeys((planned["canary"] | planned["fleet"]) - planned[stage], 1)
    )
    assert all(1 <= served[name] <= 2 for name in planned[stage])
    assert yard.rows("SELECT count(*) FROM cd_rollout") == [(1,)]
    assert yard.commits() == ["A change", "The first"]


def let_through(yard: Yard, names: set[str]) -> None:
    """Open the barriers of these hosts."""
    for name in sorted(names):
        yard.open(f"restart-{name}")


def stages(yard: Yard) -> dict[str, set[str]]:
    """The hosts of each stage as drawn; empty until then."""
    found: dict[str, set[str]] = {}
    for host, stage in yard.rows("SELECT host, stage FROM cd_rollout_host"):
        found.setdefault(str(stage), set()).add(str(host))
    return found
