# SPDX-License-Identifier: GPL-2.0-only
"""The scenes (a) to (g): what the whole product is for, one after the other."""

from __future__ import annotations

import time

from buildbot_cd.cli.demo import patches, workspace
from buildbot_cd.cli.demo.company import tried
from buildbot_cd.cli.demo.scene import Scene


class Good(Scene):
    """(a) From a push to every host."""

    letter, title = "a", "a good landing goes live on every host"

    def begin(self) -> None:
        """Ada sells trays."""
        self.head = self.push("ada", patches.new_product)

    def finish(self) -> None:
        """All hosts serve it."""
        landing = self.until(self.head, ("live",))
        self.check_live(landing)
        self.timed(landing)


class Sandbox(Scene):
    """(b) Stock ``buildbot try``: the patch never leaves the sandbox."""

    letter, title = "b", "`buildbot try` stops a bad patch in the sandbox"

    def begin(self) -> None:
        """Linus changes his clone and tries it, without a commit."""
        self.tip = self._tip()
        self.edit("linus", patches.broken_cart)
        self.teller.say("    Linus changes shop/cart.py, commits nothing, and runs `buildbot try`")
        start = time.monotonic()
        self.done = tried(self.company, "linus")
        self.outcome.seconds["test"] = time.monotonic() - start

    def finish(self) -> None:
        """The answer names the test, nothing was pushed, no landing was made."""
        said = [line for line in self.done.stdout.splitlines() if line.startswith("cd-try:")]
        answer = said[-1] if said else (self.done.stdout + self.done.stderr)[-500:]
        self.outcome.outcome = "stopped"
        self.check(f"buildbot try says: {answer}", self.done.returncode != 0 and "test_cart" in answer)
        builds = self.company.view.builds("cd-try")
        who = builds[0]["properties"]["cd_engineer"][0] if builds else "nobody"
        self.check(f"the build failed, and it is {who}'s by his login", who == "linus" and builds[0]["results"] == 2)
        self.check("nothing came to trunk", self._tip() == self.tip)

    def _tip(self) -> str:
        return workspace.git(self.company.place.repository, "rev-parse", f"refs/heads/{workspace.BRANCH}").strip()


class BreaksTest(Scene):
    """(c) A failed test, confirmed, is a revert."""

    letter, title = "c", "a landing that breaks a test is reverted by itself"

    def begin(self) -> None:
        """Barbara breaks the sign-up."""
        self.tree = workspace.trunk_tree(self.company.place.repository)
        self.head = self.push("barbara", patches.broken_signup)

    def finish(self) -> None:
        """Trunk is as before, and no host ever had it."""
        landing = self.until(self.head, ("reverted",))
        self.check_taken_back(landing, self.tree)
        self.check("the reason names the test", "test_signup" in str(landing["reason"]))
        self.check("no host was ever given it", not self.company.view.rollouts(landing))
        self.timed(landing)


class ForgottenTag(Scene):
    """(d) The commonest slip is a missing tag: the system sees it by itself."""

    letter, title = "d", "a forgotten tag is noticed, and its tests run"

    def begin(self) -> None:
        """Grace changes cart and pages, and declares the pages only."""
        self.head = self.push("grace", patches.forgotten_tag)

    def finish(self) -> None:
        """The cart's tests ran although nobody asked for them."""
        landing = self.until(self.head, ("live",))
        run = self.company.view.gate_run(landing)
        missing = {one["tag"]: one["because"] for one in run["missing_tags"]}
        self.check(f"missing tag reported: cart, since {missing.get('cart', '')}", "cart" in missing)
        names = [one["nid"] for one in self.company.view.tests(run) if one["outcome"] == "passed"]
        count = sum(1 for name in names if name.startswith("pytest:tests/test_cart.py"))
        self.check(f"{count} tests of the cart ran and passed", count > 0)
        self.check_live(landing)
        self.timed(landing)


class Regression(Scene):
    """What (e) and (f) share: all tests pass, and production says no."""

    metric = ""

    def take(self, engineer: str, patch: patches.Patch) -> None:
        """Push it on top of what is on trunk now."""
        self.tree = workspace.trunk_tree(self.company.place.repository)
        self.head = self.push(engineer, patch)
        self.at = time.time()

    def finish(self) -> None:
        """Rolled back from the canary; the others never had it."""
        landing = self.until(self.head, ("reverted",))
        rollout = self.company.view.rollouts(landing)[0]
        canaries = self.company.view.hosts_of(rollout, "canary")
        verdict = self.company.view.verdicts(rollout)[-1]
        self.check(f"all its tests passed: {self.company.view.passed(landing)}", self.company.view.passed(landing))
        self.check(f"the immune system says: {verdict['reason']}", verdict["kind"] == "regression")
        self.check(f"it names {self.metric}", f"metric {self.metric}" in list(landing["failing"]))
        seen = self.company.seen_by_visitors(rollout["release"])
        self.check(
            f"visitors saw it on {len(seen)} hosts, all of the {len(canaries)} canaries; the others never served it",
            seen and seen <= canaries,
        )
        before = self.company.view.release(self.company.view.live_before(landing))
        self.check(f"every host carries {before}, as before", set(self.company.carried().values()) == {before})
        self.check_taken_back(landing, self.tree)
        self.timed(landing)


class Errors(Regression):
    """(e) A system metric."""

    letter, title, metric = "e", "a landing that answers errors is rolled back from the canary", "errors"

    def begin(self) -> None:
        """Ada's offers take turns; tests look at the first only."""
        self.take("ada", patches.failing_offers)


class BlueButton(Regression):
    """(f) A business metric."""

    letter, title, metric = "f", "a blue button on a blue page: every page answers 200, but signups fall", "signups"

    def begin(self) -> None:
        """Barbara makes the button calmer."""
        self.take("barbara", patches.blue_button)

    def finish(self) -> None:
        """As for any regression; and no page ever failed."""
        super().finish()
        self.check("no visitor saw an error", self.company.errors_since(self.at + 1) == 0)


class Two(Scene):
    """(g) One at a time in the test stage; the next comes in as soon as the first is deployed."""

    letter, title = "g", "two engineers push at once: one waits, and is let in when the first enters deployment"

    def begin(self) -> None:
        """Both commit on the same trunk; git lets them in one behind the other."""
        self.first = self.push("grace", patches.new_greeting)
        self.second = self.push("linus", patches.longer_addresses)

    def finish(self) -> None:
        """The second waited with a reason, was tested while the first was deployed, and both are live."""
        waiting = self.landing(self.second)
        self.teller.say(f"    the second waits: {self.company.view.why(waiting)}")
        self.until(self.first, ("deploying",))
        second = self.until(self.second, ("testing", "passed", "deploying"))
        first = self.until(self.first, ("live",))
        second = self.until(self.second, ("live",))
        of_first, of_second = self.company.view.entered(first), self.company.view.entered(second)
        gap = of_second["testing"] - of_first["deploying"]
        self.check(f"the second was let in {gap:.2f} s after the first entered deployment", gap >= 0)
        lead = of_first["live"] - of_second["testing"]
        self.check(f"that was {lead:.1f} s before the first was live", lead > 0)
        self.check("they were never in the test stage together", of_second["testing"] >= of_first["deploying"])
        self.check(f"landing {first['id']} is live", first["state"] == "live")
        self.check_live(second)
        self.timed(second)


ORDER: tuple[type[Scene], ...] = (Good, Sandbox, BreaksTest, ForgottenTag, Errors, BlueButton, Two)
