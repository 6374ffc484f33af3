# SPDX-License-Identifier: GPL-2.0-only
"""The data API of a real master: what it shows, what it takes orders for, what it tells, and to whom it is closed."""

from __future__ import annotations

import json
import signal
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from buildbot_cd.cli.asking.client import Client
from buildbot_cd.cli.demo.site import free_ports
from buildbot_cd.cli.main import main
from buildbot_cd.errors import ControlRefused
from buildbot_cd.plugins.data import resources
from buildbot_cd.testing.listener import Listener

if TYPE_CHECKING:
    from pathlib import Path

    from buildbot_cd.testing.yard import Yard

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PATHS = {
    "cd/gates": resources.CdGate,
    "cd/gates/trunk": resources.CdGate,
    "cd/gates/trunk/pushers/ada@example.org": resources.CdPusher,
    "cd/gates/trunk/trust": resources.CdTrust,
    "cd/gates/trunk/suite": resources.CdSuite,
    "cd/gates/trunk/suite?order=-seconds&nid__contains=TEST_last": resources.CdSuite,
    "cd/gates/trunk/suite?flakes__ge=0&selected=1&order=-flakes&order=-flake_rate&limit=1": resources.CdSuite,
    "cd/gates/trunk/learnt": resources.CdLearnt,
    "cd/gates/trunk/capacity": resources.CdCapacity,
    "cd/landings": resources.CdLanding,
    "cd/landings/1": resources.CdLanding,
    "cd/landings/1/transitions": resources.CdTransition,
    "cd/landings/1/effects": resources.CdEffect,
    "cd/landings/1/runs": resources.CdRun,
    "cd/landings/1/rollouts": resources.CdRollout,
    "cd/runs/1": resources.CdRun,
    "cd/runs/1/tests": resources.CdTest,
    "cd/rollouts": resources.CdRollout,
    "cd/rollouts/1": resources.CdRollout,
    "cd/rollouts/1/hosts": resources.CdFleet,
    "cd/rollouts/1/verdicts": resources.CdVerdict,
    "cd/rollouts/1/samples": resources.CdSample,
    "cd/history": resources.CdHistory,
}


def call(url: str, path: str, method: str, **params: Any) -> tuple[int, dict[str, Any]]:
    """POST one order, without signing in; the status and the answer."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(f"{url}/api/v2/{path}", body, {"content-type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - own loopback
            return 200, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def status(url: str, path: str) -> int:
    """The status of a GET."""
    try:
        with urllib.request.urlopen(f"{url}/api/v2/{path}", timeout=20) as answer:  # noqa: S310 - own loopback
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def one(yard: Yard, path: str) -> dict[str, Any]:
    """The only object of an answer."""
    answer = yard.site.get(path)
    (key,) = set(answer) - {"meta"}
    (found,) = answer[key]
    return dict(found)


def log_of(yard: Yard) -> str:
    """The master's log."""
    return "\n".join(file.read_text("utf-8", "replace") for file in sorted(yard.site.master.glob("*.log")))


class Metrics(BaseHTTPRequestHandler):
    """A host that counts its requests and its errors: each look finds a hundred more requests and one more error."""

    looks: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        """Prometheus's text format."""
        host = str(self.server.server_address[0])
        self.looks[host] += 1
        text = f"http_requests_total {100 * self.looks[host]}\nhttp_errors_total {self.looks[host]}\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def immune(yard: Yard) -> Iterator[dict[str, Any]]:
    """cd.yaml's section `immune`, with a metrics server on each host's own loopback address."""
    (port,) = free_ports(1)
    servers = [ThreadingHTTPServer((f"127.0.9.{number}", port), Metrics) for number in range(1, yard.hosts + 1)]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield {
        "source": {"scrape": f"http://{{address}}:{port}/metrics", "every": "0.5s"},
        "metrics": [{"name": "errors", "events": "http_errors_total", "per": "http_requests_total", "bad": "up"}],
    }
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_gate_is_frozen_watched_and_resumed_over_the_api(yard: Yard, immune: dict[str, Any]) -> None:
    """One story over the wire: freeze, a push waits and says why, resume, withdraw, live; every address answers."""
    stages = [
        {"stage": "canary", "hosts": 2, "watch": "2s"},
        {"stage": "half", "hosts": 3, "watch": "20m"},
        {"stage": "fleet", "hosts": "all"},
    ]
    yard.start(immune=immune, rollout=stages)
    paths = [f"cd/{kind}/*/*" for kind in ("landings", "gates", "runs", "rollouts")]
    with Listener(yard.site.www, *paths) as heard:
        _freeze(yard, heard)
        _resume_and_withdraw(yard)
        _live(yard, heard)
    _every_address(yard)


def _freeze(yard: Yard, heard: Listener) -> None:
    url = yard.site.url
    assert call(url, "cd/gates/trunk", "freeze")[1]["error"]["code"] == -32602
    code, answer = call(url, "cd/gates/trunk", "freeze", reason="the <b>database</b> moves", expect="open")
    assert code == 200, answer
    gate = answer["result"]
    assert (gate["mode"], gate["by"], gate["why"], gate["safe"]) == (
        "closed",
        "anonymous",
        "the <b>database</b> moves",
        False,
    )
    yard.push("ada", "good")
    heard.wait_for(lambda event: event[0] == "cd/landings/1/queued", "the new landing to be told")
    waiting = one(yard, "cd/landings/1")["waiting"]
    assert waiting["why"] == "first in the queue: the gate is closed by anonymous: the <b>database</b> moves"
    assert waiting["position"] == 1
    assert waiting["turn"] is None
    assert one(yard, "cd/gates/trunk")["queue"] == [1]
    late = call(url, "cd/gates/trunk", "resume", expect="open")
    assert (late[0], late[1]["error"]["code"]) == (400, -32002)
    assert "gate trunk is closed now" in late[1]["error"]["message"]
    assert "refused: 'resume' on 'cd/gates/trunk' by 'anonymous': gate trunk is closed now" in log_of(yard)


def _resume_and_withdraw(yard: Yard) -> None:
    url = yard.site.url
    yard.close("test_number[3]")
    assert call(url, "cd/gates/trunk", "resume", expect="closed")[0] == 200
    yard.reached("test_number[3]")
    yard.push("grace", "also good")
    yard.until(lambda: yard.landing(2)["state"] == "queued", "the second landing")
    found = one(yard, "cd/landings/2")
    assert found["waiting"]["why"] == "first in the queue: landing 1 holds the test slot (testing)"
    assert sorted(found["can"]) == ["emergency", "hold", "withdraw"]
    assert one(yard, "cd/gates/trunk")["slots"]["test"]["landing"] == 1
    assert "tests done" in one(yard, "cd/landings/1")["waiting"]["why"]
    refused = call(url, "cd/landings/2", "roll_back", reason="no")
    assert (refused[0], refused[1]["error"]["code"]) == (400, -32001)
    assert call(url, "cd/landings/2", "promote")[1]["error"]["code"] == -32601
    assert call(url, "cd/landings/9", "hold", reason="x")[0] == 404
    assert call(url, "cd/landings/2", "hold\n2026 [-] a forged line", reason="x")[0] == 501
    assert [line for line in log_of(yard).splitlines() if line.startswith("2026 [-] a forged line")] == []
    held = call(url, "cd/landings/2", "hold", reason="wait for marketing")[1]["result"]
    assert (held["held"], held["waiting"]["why"]) == (True, "held by anonymous: wait for marketing")
    assert call(url, "cd/landings/2", "release")[1]["result"]["held"] is False
    code, answer = call(url, "cd/landings/2", "withdraw", expect="queued")
    assert (code, answer["result"]["state"]) == (200, "reverting")
    yard.comes_to("reverted", 2)


def _live(yard: Yard, heard: Listener) -> None:
    yard.open("test_number[3]")
    watching = "SELECT 1 FROM cd_rollout WHERE stage = 'half' AND state = 'watching'"
    yard.until(lambda: yard.rows(watching), "the watch of the second stage")
    words = ["promote", "--master", yard.site.url, "--reason", "traffic is too low to tell more"]
    assert main(words) == 0
    yard.comes_to("live", 1)
    assert one(yard, "cd/rollouts/1")["promoted"] == "half: by anonymous: traffic is too low to tell more"
    assert main(words) == 1  # nothing is watched any more
    flaky = ["quarantine", "pytest:tests/test_app.py::test_last", "--master", yard.site.url]
    assert main([*flaky, "--owner", "ada", "--reason", "waits for the clock"]) == 0
    (kept,) = one(yard, "cd/gates/trunk/trust")["quarantines"]
    assert (kept["owner"], kept["by"]) == ("ada", "anonymous")
    assert main([*flaky, "--end"]) == 0
    heard.wait_for(lambda event: event[0] == "cd/landings/1/live", "the landing to be told live")
    heard.wait_for(lambda event: event[0] == "cd/rollouts/1/done", "the end of the rollout")
    told = [body for key, body in heard.events if key == "cd/rollouts/1/hosts"]
    place = told[0]["columns"].index("mark")
    assert {row[0] for body in told for row in body["rows"] if row[place] == "new"} == set(yard.host_names)
    looks = [body for key, body in heard.events if key == "cd/rollouts/1/look" and body["stage"] == "canary"]
    kept = [{"rollout": 1, **one} for one in yard.site.get("cd/rollouts/1/samples")["samples"]]
    assert [one for one in kept if one["stage"] == "canary"] == looks
    errors = looks[-1]["metrics"][0]
    assert (errors["name"], errors["canary"], errors["canary_n"], errors["control_n"]) == ("errors", 0.01, 200, 400)
    (verdict,) = yard.site.get("cd/rollouts/1/verdicts")["verdicts"]
    told = heard.wait_for(lambda event: event[0] == "cd/rollouts/1/verdict", "the verdict")[1]
    assert (told["kind"], told["stage"]) == (verdict["kind"], "canary")
    assert any(body["counts"]["done"] == 7 for key, body in heard.events if key == "cd/runs/1/updated")
    assert any(body["landings"] == [1] for key, body in heard.events if key == "cd/gates/trunk/moved")


def _every_address(yard: Yard) -> None:
    for path, kind in PATHS.items():
        answer = yard.site.get(path)
        rows = answer[kind.plural]
        assert rows, path
        problems = [problem for row in rows for problem in kind.entityType.validate(path, row)]
        assert problems == []
    assert [row["id"] for row in yard.site.get("cd/landings?limit=1")["landings"]] == [2]
    assert [row["id"] for row in yard.site.get("cd/landings?limit=1&id__lt=2")["landings"]] == [1]
    page = yard.site.get("cd/landings?state=live&state=queued&field=id&field=state")
    assert page == {"landings": [{"id": 1, "state": "live"}], "meta": {"total": 1}}
    assert yard.site.get("cd/landings?open=1")["landings"] == []
    counts = yard.site.get("cd/history?days=1")["history"][0]["counts"]
    assert (counts["live"], counts["withdrawn"], counts["rolled_back"]) == (1, 1, 0)
    for path in ("cd/gates/other", "cd/landings/9", "cd/landings/9/runs", "cd/runs/99", "cd/rollouts/9/hosts"):
        assert status(yard.site.url, path) == 404, path
    for path in ("cd/landings?subject=x", "cd/landings?state=gone", "cd/landings?limit=501", "cd/history?days=0"):
        assert status(yard.site.url, path) == 400, path


def test_without_authorisation_a_master_that_others_reach_takes_no_orders(yard: Yard) -> None:
    """Bound to all addresses and without rules, it shows the gate, refuses every order, and writes who tried what."""
    yard.site.prepare(yard.config(), {})
    _append(yard, f"c['www']['port'] = {yard.site.www}\n")
    yard.site.start_master()
    yard.until(lambda: status(yard.site.url, "cd/gates/trunk") == 200, "the gate to be shown")
    code, answer = call(yard.site.url, "cd/gates/trunk", "freeze", reason="mine now")
    assert (code, answer["error"]["code"]) == (403, -32600)
    assert "has no authorisation, and it listens on" in answer["error"]["message"]
    assert one(yard, "cd/gates/trunk")["mode"] == "open"
    assert "refused: 'freeze' on 'cd/gates/trunk' by 'anonymous': freeze on cd/gates/trunk is closed" in log_of(yard)


AUTHORISED = """
c['www']['auth'] = util.UserPasswordAuth({'eve': 'engineer', 'oscar': 'operator'})
c['www']['authz'] = util.Authz(
    allowRules=[util.cd.GateEndpointMatcher(role='operator')],
    roleMatchers=[util.RolesFromUsername(roles=['operator'], usernames=['oscar'])],
)
"""


def test_with_rules_only_those_who_have_the_role_act(yard: Yard, tmp_path: Path) -> None:
    """An engineer and a stranger are refused, an operator freezes; what no rule speaks of stays closed to all."""
    yard.site.prepare(yard.config(), {})
    _append(yard, AUTHORISED)
    yard.site.start_master()
    yard.until(lambda: status(yard.site.url, "cd/gates/trunk") == 200, "the gate to be shown")
    assert call(yard.site.url, "cd/gates/trunk", "freeze", reason="x")[0] == 403
    with pytest.raises(ControlRefused, match="operator"):
        _signed_in(yard, tmp_path, "eve", "engineer").act("gates/trunk", "freeze", reason="x")
    oscar = _signed_in(yard, tmp_path, "oscar", "operator")
    assert oscar.act("gates/trunk", "freeze", reason="a pause")["by"] == "oscar"
    with pytest.raises(ControlRefused, match="no rule"):
        oscar.act("landings/1", "hold", reason="x")
    _append(yard, "c['www']['authz'].allowRules = [util.cd.ControlEndpointMatcher(role='nobody')]\n")
    yard.site.processes["master"].send_signal(signal.SIGHUP)
    yard.until(lambda: "configuration update complete" in log_of(yard), "the new rules to be read")
    with pytest.raises(ControlRefused, match="nobody"):
        oscar.act("gates/trunk", "resume")
    log = log_of(yard)
    assert "refused: 'freeze' on 'cd/gates/trunk' by 'anonymous'" in log
    assert log.count("refused: 'resume' on 'cd/gates/trunk' by 'oscar'") == 1
    assert "refused: 'freeze' on 'cd/gates/trunk' by 'eve'" in log
    assert "done: 'freeze' on 'cd/gates/trunk' by 'oscar'" in log


def _signed_in(yard: Yard, folder: Path, name: str, password: str) -> Client:
    file = folder / f"{name}.password"
    file.write_text(password)
    return Client(yard.site.url, name, file)


def _append(yard: Yard, text: str) -> None:
    with (yard.site.master / "master.cfg").open("a") as file:
        file.write(text)
