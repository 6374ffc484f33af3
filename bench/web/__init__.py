# SPDX-License-Identifier: GPL-2.0-only
"""The pages in Debian's Chromium over a real master: 10,000 landings, 800 hosts that switch within 20 s, 20 open tabs.

First useful paint is the moment at which a page shows what one came for, in a browser that knows nothing yet: on Now
the answer, on Rollout the hosts by state, on Buildbot's own Builders page the first builder. The peer is that page, in
the same run, each taken in turn. From event to pixel is from the moment at which the master hears of a host to the
frame in which a tab counts it, over all hosts and all tabs. Each tab is a window of its own, since a browser draws
what lies behind only now and then; all run in one browser, on the machine of the master.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from bench.report import Options, Report, Target, table
from bench.web.master import HOSTS, ROLLOUT, made
from buildbot_cd.www.application import BUNDLE, STATIC

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from buildbot_cd.cli.demo.site import Site

LIMIT = 60_000
"""Milliseconds that anything may take before the benchmark gives up."""

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PAGES = {
    "now": ("/cd", ".bbcd-banner h1"),
    "rollout": (f"/cd/rollouts/{ROLLOUT}", ".bbcd-legend button"),
    "builders": ("/builders", "table tbody a[href*='builders/']"),
}
"""Route, and what is useful on it."""

USEFUL = """
const watch = new MutationObserver(() => {
  if (window.cdUseful || !document.querySelector(%s)) return;
  window.cdUseful = -1;
  requestAnimationFrame(() => { window.cdUseful = performance.now(); });
});
watch.observe(document, {childList: true, subtree: true});
"""
COUNT = """
window.cdSeen = [];
window.cdHeard = [];
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', (event) => {
      const told = JSON.parse(event.data);
      if (/rollouts.*hosts$/.test(told.k || '')) window.cdHeard.push([told.m.rows.length, Date.now() / 1000]);
    });
  }
};
const count = () => {
  const texts = [...document.querySelectorAll('.bbcd-legend button')].map((one) => one.textContent.trim());
  const hit = texts.map((text) => /^New ([\\d,]+)/.exec(text)).find((found) => found !== null);
  return hit ? Number(hit[1].replace(',', '')) : 0;
};
let last = 0;
const look = () => {
  const now = count();
  if (now !== last) { last = now; window.cdSeen.push([now, Date.now() / 1000]); }
};
const all = {childList: true, subtree: true, characterData: true};
new MutationObserver(() => requestAnimationFrame(look)).observe(document, all);
"""


def run(options: Options) -> Report:
    """Measure all of it in one run."""
    landings, tabs, rounds = (1000, 5, 3) if options.quick else (10_000, 20, 9)
    report = Report("web", options.seed)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("bench web needs Debian's chromium: apt-get install chromium")
    with (
        tempfile.TemporaryDirectory(prefix="bench-web-") as folder,
        made(Path(folder), landings) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        paints: dict[str, list[float]] = {name: [] for name in PAGES}
        for _ in range(rounds + 1):
            for name in PAGES:
                paints[name].append(paint(browser, site, name))
        alone = switching(site, [])
        watched = switching(site, opened(browser, site, tabs))
        browser.close()
    # The first of each fills the master's caches.
    return told(report, {name: statistics.median(found[1:]) for name, found in paints.items()}, alone, watched, tabs)


def paint(browser: Browser, site: Site, name: str) -> float:
    """Milliseconds from navigation to the first useful frame, in a browser without a cache."""
    route, useful = PAGES[name]
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(USEFUL % json.dumps(useful))
    page.goto(f"{site.url}/#{route}")
    page.wait_for_function("window.cdUseful > 0", timeout=LIMIT)
    took = float(page.evaluate("window.cdUseful"))
    context.close()
    return took


def opened(browser: Browser, site: Site, tabs: int) -> list[Page]:
    """So many tabs on the rollout, all drawn and subscribed; each in a window of its own, as of so many people."""
    pages = []
    for _ in range(tabs):
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.add_init_script(COUNT)
        page.goto(f"{site.url}/#/cd/rollouts/{ROLLOUT}")
        pages.append(page)
    for page in pages:
        page.locator(".bbcd-legend button").first.wait_for(timeout=LIMIT)
    return pages


def switching(site: Site, pages: list[Page]) -> dict[str, Any]:
    """Let all hosts switch within 20 s; what the master spent, and how late each host was on each tab."""
    heard, go = site.master / "heard.json", site.master / "go"
    heard.unlink(missing_ok=True)
    before, begun = processor(site), time.monotonic()
    go.touch()
    while not heard.exists():
        time.sleep(0.1)
        if time.monotonic() - begun > LIMIT / 1000:
            raise SystemExit("the hosts did not switch: " + site.last_words())
    for page in pages:
        page.wait_for_function(f"window.cdSeen.length > 1 && window.cdSeen.at(-1)[0] === {HOSTS}", timeout=LIMIT)
    spent = (processor(site) - before) / (time.monotonic() - begun)
    times: list[float] = json.loads(heard.read_text())
    seen = [page.evaluate("window.cdSeen") for page in pages]
    got = [page.evaluate("window.cdHeard") for page in pages]
    return {
        "cpu": spent,
        "late": [1000 * delay for one in seen for delay in delays(times, one)],
        "sent": [1000 * delay for one in got for delay in delays(times, summed(one))],
        "lost": sum(HOSTS - one[-1][0] for one in seen),
    }


def summed(got: list[list[float]]) -> list[list[float]]:
    """Sizes of batches as counts of hosts so far; the first batch is the one that set all of them back."""
    counts, so_far = [[0.0, got[0][1]]], 0.0
    for size, at in got[1:]:
        so_far += size
        counts.append([so_far, at])
    return counts


def delays(heard: list[float], seen: list[list[float]]) -> list[float]:
    """Seconds from hearing of the n-th host to the first frame that counts n of them."""
    # What a tab counted before all hosts were set back belongs to the time before.
    start = max((at for at, (count, _) in enumerate(seen) if count == 0), default=-1) + 1
    seen = seen[start:]
    found, at = [], 0
    for number, moment in enumerate(sorted(heard), 1):
        while seen[at][0] < number:
            at += 1
        found.append(seen[at][1] - moment)
    return found


def processor(site: Site) -> float:
    """Seconds of processor time that the master has had."""
    fields = Path(f"/proc/{site.processes['master'].pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def told(report: Report, paints: dict[str, float], alone: dict[str, Any], watched: dict[str, Any], tabs: int) -> Report:
    """The table, and the targets of the pages."""
    late, sent = sorted(watched["late"]), sorted(watched["sent"])
    p95 = late[int(0.95 * len(late))]
    size = sum(len(gzip.compress((STATIC / name).read_bytes())) for name in BUNDLE) / 1000
    a_tab = 100 * (watched["cpu"] - alone["cpu"]) / tabs
    report.ours = {
        "first useful paint of Now ms": round(paints["now"]),
        "first useful paint of Rollout ms": round(paints["rollout"]),
        "event to pixel p50 ms": round(late[len(late) // 2]),
        "event to pixel p95 ms": round(p95),
        "of it, event to tab p95 ms": round(sent[int(0.95 * len(sent))]),
        "bundle kB gzipped": round(size, 1),
        "master's processor for a tab while hosts switch, %": round(a_tab, 2),
        "master's processor without a tab, %": round(100 * alone["cpu"], 1),
        "updates lost": watched["lost"],
    }
    report.peers = {"first useful paint of Buildbot's Builders ms": round(paints["builders"])}
    table(["figure", "value"], [[name, value] for name, value in {**report.ours, **report.peers}.items()])
    print()
    report.targets = [
        Target("Now against Buildbot's Builders", paints["now"] / paints["builders"], most=1.3),
        Target("Rollout against Buildbot's Builders", paints["rollout"] / paints["builders"], most=1.3),
        Target("event to pixel p95, ms", p95, most=500),
        Target("bundle, kB gzipped", size, most=150),
        Target("updates lost", watched["lost"], most=0),
    ]
    return report
