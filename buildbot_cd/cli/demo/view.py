# SPDX-License-Identifier: GPL-2.0-only
"""What a demo's master says, read as anybody reads it: through the data API (docs/reference/data-api.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from buildbot_cd.cli.demo.site import Site

Row = dict[str, Any]


class View:
    """Questions to the data API of ``site``'s master, each answered anew."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def _rows(self, path: str, key: str) -> list[Row]:
        """Asks again where an answer was cut off: on a machine that is busy with forty hosts some are."""
        for last in (False, False, True):
            try:
                found: list[Row] = self.site.get(f"cd/{path}")[key]
            except OSError:
                if last:
                    raise
                continue
            return found
        raise AssertionError

    def gate(self) -> Row:
        """The gate; empty while the master does not know it yet."""
        try:
            found = self._rows("gates", "gates")
        except OSError:
            return {}
        return found[0] if found else {}

    def landing(self, head: str) -> Row | None:
        """The landing that ends in this commit; None until the gate has seen it."""
        found = self._rows(f"landings?head={quote(head)}", "landings")
        return found[0] if found else None

    def live_before(self, landing: Mapping[str, Any]) -> Row:
        """The last landing before this one that is live."""
        return self._rows(f"landings?state=live&id__lt={landing['id']}&limit=1", "landings")[0]

    def sentence(self, landing: Mapping[str, Any]) -> str:
        """One line on what a landing is about."""
        return (
            f"landing {landing['id']} ({landing['subject']}) {landing['state'].replace('_', ' ')}: {self.why(landing)}"
        )

    def why(self, landing: Mapping[str, Any]) -> str:
        """Why the landing is not live yet."""
        waiting = landing["waiting"]
        return str(waiting["why"] if waiting else landing["reason"])

    def transitions(self, landing: Mapping[str, Any]) -> list[Row]:
        """The landing's history, oldest first."""
        return self._rows(f"landings/{landing['id']}/transitions", "transitions")

    def durations(self, landing: Mapping[str, Any]) -> dict[str, float]:
        """By state, how many seconds the landing spent in it."""
        found: dict[str, float] = {}
        for one in self.transitions(landing):
            if one["seconds"] is not None:
                found[one["after"]] = found.get(one["after"], 0.0) + one["seconds"]
        return found

    def entered(self, landing: Mapping[str, Any]) -> dict[str, float]:
        """By state, when the landing last came into it (seconds since the epoch)."""
        return {one["after"]: one["at"] for one in self.transitions(landing)}

    def passed(self, landing: Mapping[str, Any]) -> str:
        """The reason with which the landing passed its checks; empty if it did not."""
        return next((str(one["reason"]) for one in self.transitions(landing) if one["after"] == "passed"), "")

    def rollouts(self, landing: Mapping[str, Any]) -> list[Row]:
        """The landing's rollouts, oldest first."""
        found = self._rows(f"landings/{landing['id']}/rollouts", "rollouts")
        return sorted(found, key=lambda one: int(one["id"]))

    def release(self, landing: Mapping[str, Any]) -> str:
        """The name of the landing's release on the hosts; empty if there is none."""
        found = self.rollouts(landing)
        return str(found[0]["release"]) if found else ""

    def hosts_of(self, rollout: Mapping[str, Any], stage: str) -> set[str]:
        """The hosts that a rollout took in this stage."""
        fleet = self._rows(f"rollouts/{rollout['id']}/hosts", "fleet")[0]
        at = {name: place for place, name in enumerate(fleet["columns"])}
        return {row[at["host"]] for row in fleet["hosts"] if fleet["stages"][row[at["stage"]]] == stage}

    def verdicts(self, rollout: Mapping[str, Any]) -> list[Row]:
        """What the immune system decided, oldest first."""
        return self._rows(f"rollouts/{rollout['id']}/verdicts", "verdicts")

    def gate_run(self, landing: Mapping[str, Any]) -> Row:
        """The landing's newest run of its selected tests."""
        found = [one for one in self._rows(f"landings/{landing['id']}/runs", "runs") if one["kind"] == "gate"]
        return max(found, key=lambda one: int(one["id"]))

    def tests(self, run: Mapping[str, Any]) -> list[Row]:
        """The run's tests."""
        return self._rows(f"runs/{run['id']}/tests", "tests")

    def builds(self, builder: str) -> list[Row]:
        """A builder's builds with their properties, newest first."""
        found: list[Row] = self.site.get(f"builders/{builder}/builds?order=-number&property=*")["builds"]
        return found
