# SPDX-License-Identifier: GPL-2.0-only
"""How tests look at the pages: opening one, going on to the next without another load, and what may be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect
from stage import Stage

if TYPE_CHECKING:
    from scenes import Scene

    from buildbot_cd.cli.demo.site import Site

AXE = Path(__file__).parents[2] / "buildbot_cd/www/ui/node_modules/axe-core/axe.min.js"
PAGES = {
    "now": ("/cd", "Now"),
    "landings": ("/cd/landings", "Landings"),
    "landing": ("/cd/landings/57", "Landing 57"),
    "rollouts": ("/cd/rollouts", "Rollouts"),
    "rollout": ("/cd/rollouts/12", "Rollout 12"),
    "tests": ("/cd/tests", "Tests"),
    "incidents": ("/cd/incidents", "Incidents"),
    "incident": ("/cd/incidents/1", "Incident 1"),
    "history": ("/cd/history", "History"),
}
"""By name the address of each page behind `#`, and its title."""


def show(site: Site, page: Page, scene: Scene, route: str, **more: Any) -> Stage:
    """Open a page of the plugin with this scene behind it; ``more`` is what `Stage` takes."""
    stage = Stage(scene, **more)
    stage.attach(page)
    page.goto(f"{site.url}/#{route}")
    return stage


def turn_to(site: Site, page: Page, name: str) -> None:
    """Go to the page of this name, as a link would: within the document that is open, if there is one."""
    route, title = PAGES[name]
    page.goto(f"{site.url}/#{route}")
    expect(page).to_have_title(f"{title} · Deployment")
    expect(page.locator(".bbcd-main")).to_be_visible()


def settled(page: Page) -> None:
    """Nothing on the page is loading any more."""
    expect(page.locator(".bbcd-main")).to_be_visible()
    expect(page.locator(".bbcd-loading")).to_have_count(0)


def wide(page: Page) -> int:
    """By how many pixels our part of the page is wider than its place."""
    return int(
        page.evaluate("(() => { const e = document.querySelector('.bbcd'); return e.scrollWidth - e.clientWidth })()")
    )


def serious(page: Page) -> list[str]:
    """What axe-core finds in our part of the page, of weight serious or critical."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run('.bbcd', {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def order(page: Page, name: str, confirm: str, reason: str) -> None:
    """Press a button, give the reason, confirm."""
    page.get_by_role("button", name=name, exact=True).click()
    dialog = page.get_by_role("dialog", name=name)
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name=confirm).click()
    expect(dialog).to_have_count(0)


def params(stage: Stage) -> tuple[str, str, dict[str, Any]]:
    """The only order that was given: address, method, parameters."""
    ((path, body),) = stage.acts
    return path, body["method"], body["params"]
