# SPDX-License-Identifier: GPL-2.0-only
"""Plays the data API and its events to a page, so that every situation can be shown on a real master's page."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from answers import history, no_history

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route, WebSocketRoute
    from scenes import Scene


@dataclass
class Stage:
    """Answers for one page. ``fail`` maps an address to (status, body), or "*" for all of them; to those in ``pending``
    nothing comes back; ``silent``: the master does not answer.
    """

    scene: Scene
    fail: dict[str, tuple[int, Any]] = field(default_factory=dict)
    silent: bool = False
    pending: set[str] = field(default_factory=set)
    acts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    may_not: dict[str, str] = field(default_factory=dict)
    permits: int = 0
    socket: WebSocketRoute | None = None
    sockets: int = 0

    def attach(self, page: Page) -> None:
        """Every question of this page about continuous deployment comes here."""
        page.route("**/api/v2/cd/**", self._answer)
        page.route("**/plugins/cd/may?**", self._permit)
        page.route_web_socket("**/ws", self._connect)

    def send(self, key: str, message: Any) -> None:
        """An event."""
        assert self.socket is not None
        self.socket.send(json.dumps({"k": key, "m": message}))

    def lose(self) -> None:
        """The master goes away."""
        assert self.socket is not None
        self.silent = True
        self.socket.close()

    def _connect(self, socket: WebSocketRoute) -> None:
        self.sockets += 1
        self.socket = socket
        if self.silent:
            socket.close()
            return

        def receive(text: str | bytes) -> None:
            frame = json.loads(text)
            socket.send(json.dumps({"msg": "OK", "code": 200, "_id": frame["_id"]}))

        socket.on_message(receive)

    def _permit(self, route: Route) -> None:
        """``may_not`` is method to the reason, for every object."""
        if self.silent:
            route.abort("connectionrefused")
            return
        self.permits += 1
        asked = parse_qs(urlsplit(route.request.url).query)["of"]
        route.fulfill(json={"user": "ada", "may": dict.fromkeys(asked, self.may_not)})

    def _answer(self, route: Route) -> None:
        parts = urlsplit(route.request.url)
        path = parts.path.partition("/api/v2/")[2]
        if self.silent:
            route.abort("connectionrefused")
        elif {path, "*"} & self.pending:
            pass
        elif route.request.method == "POST":
            body = json.loads(route.request.post_data or "{}")
            self.acts.append((path, body))
            status, answer = self.fail.get(f"POST {path}", (200, {"result": {}}))
            route.fulfill(status=status, json=answer)
        elif path in self.fail or "*" in self.fail:
            status, answer = self.fail.get(path) or self.fail["*"]
            route.fulfill(status=status, json=answer)
        else:
            self.reads.append(path)
            query = parse_qs(parts.query)
            key, items = self._found(path.split("/")[1:], query)
            if items is None:
                route.fulfill(status=404, json={"error": "there is no such thing"})
            else:
                limit = int(query.get("limit", ["500"])[0])
                route.fulfill(json={key: items[:limit], "meta": {"total": len(items)}})

    def _found(self, parts: list[str], query: dict[str, list[str]]) -> tuple[str, list[Any] | None]:
        if parts[0] == "escapes" or (len(parts) == 3 and parts[0] == "gates"):
            return _of_tests(self.scene, parts[-1], query)
        return _of_landings(self.scene, parts, query)


def _of_landings(scene: Scene, parts: list[str], query: dict[str, list[str]]) -> tuple[str, list[Any] | None]:
    """Gates, landings and what hangs below them."""
    match parts:
        case ["gates"]:
            return "gates", [{**one, "now": time.time()} for one in scene.gates]
        case ["gates", name]:
            return "gates", [one for one in scene.gates if one["name"] == name] or None
        case ["history"]:
            days = int(query.get("days", ["7"])[0])
            return "history", [history(days) if scene.landings else no_history(days)]
        case ["landings"]:
            return "landings", _page(scene.landings, query)
        case ["rollouts"]:
            return "rollouts", [{**one, "marks": None, "verdict": None} for one in _page(scene.rollouts, query)]
        case ["incidents"]:
            return "incidents", [{**one, "timeline": None} for one in _page(scene.incidents, query)]
        case ["landings" | "rollouts" | "incidents" as key, number]:
            return key, [one for one in getattr(scene, key) if one["id"] == int(number)] or None
        case ["landings", number, "runs" | "rollouts" as key]:
            return key, [one for one in getattr(scene, key) if one["landing"] == int(number)]
        case ["landings", number, "transitions" | "effects" as key]:
            return key, getattr(scene, key).get(int(number), [])
        case ["runs", number, "tests"]:
            return "tests", scene.tests.get(int(number), [])
        case ["rollouts", number, "hosts"]:
            found = scene.fleets.get(int(number))
            return "fleet", None if found is None else [found]
        case ["rollouts", number, "verdicts" | "samples" as key]:
            return key, getattr(scene, key).get(int(number), [])
    return "", None


def _of_tests(scene: Scene, key: str, query: dict[str, list[str]]) -> tuple[str, list[Any]]:
    """What many runs together tell."""
    if key == "suite":
        return key, _chosen(scene.suite, query)
    return key, scene.escapes if key == "escapes" else [getattr(scene, key)]


def _chosen(rows: list[dict[str, Any]], query: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Filters and order of Buildbot's data API, as the list of all tests is asked for; null goes before all numbers."""
    words = [word.casefold() for word in query.get("nid__contains", [])]
    found = [one for one in rows if all(word in one["nid"].casefold() for word in words)]
    if "flakes__gt" in query:
        found = [one for one in found if one["flakes"] > int(query["flakes__gt"][0])]
    if "selected" in query:
        found = [one for one in found if one["selected"] == int(query["selected"][0])]
    for order in reversed(query.get("order", [])):
        name = order.removeprefix("-")
        found.sort(key=lambda one: (one[name] is not None, one[name] or 0), reverse=order.startswith("-"))
    return found


def _page(rows: list[dict[str, Any]], query: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The filters that the pages use, over few rows."""
    found = sorted(rows, key=lambda one: one["id"], reverse="id" not in query.get("order", []))
    for name, values in query.items():
        if name == "open":
            found = [one for one in found if one["open"] == (values[0] == "1")]
        elif name == "id__lt":
            found = [one for one in found if one["id"] < int(values[0])]
        elif name in ("gate", "state", "engineer", "landing"):
            found = [one for one in found if str(one[name]) in values]
    return found
