# SPDX-License-Identifier: GPL-2.0-only
"""The gate's ear: any change source's change on trunk makes the engine look at trunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from buildbot.changes.filter import ChangeFilter
from twisted.internet import defer

from buildbot_cd.core.landing.people import Push
from buildbot_cd.engine.lookup import engine_of
from buildbot_cd.plugins.data.listening import reachable_from_outside
from buildbot_cd.plugins.schedulers.reconfigurable import Reconfigurable

if TYPE_CHECKING:
    from collections.abc import Sequence


class Gate(Reconfigurable):
    """Listens to changes of ``repository`` and ``branch``, from any stock hook or poller.

    A change only says that there is something to see; what was pushed is read from git itself, so a change that is
    delivered twice, late, or never does no harm.
    """

    compare_attrs: ClassVar[Sequence[str]] = ("repository", "branch")

    def checkConfig(  # type: ignore[override]
        self,
        repository: str,  # noqa: ARG002 - what is checked is that it was given
        branch: str,  # noqa: ARG002 - as repository
        builderNames: Sequence[str] = ("cd-git",),
        **kwargs: Any,
    ) -> Any:
        """Buildbot's check of the configuration; it wants a scheduler for every builder that the engine starts."""
        return super().checkConfig(builderNames=list(builderNames), **kwargs)

    @defer.inlineCallbacks
    def reconfigService(  # type: ignore[override]
        self, repository: str, branch: str, builderNames: Sequence[str] = ("cd-git",), **kwargs: Any
    ) -> Any:
        """Buildbot's start and change of the configuration."""
        yield super().reconfigService(builderNames=list(builderNames), **kwargs)
        self.repository, self.branch = repository, branch

    @defer.inlineCallbacks
    def activate(self) -> Any:
        """Begin to listen."""
        yield super().activate()
        if self.enabled:
            yield self.startConsumingChanges(change_filter=self.wanted())

    def wanted(self) -> ChangeFilter:
        """Which changes are on trunk. Bitbucket's hooks give a branch its full name."""
        return ChangeFilter(branch=[self.branch, f"refs/heads/{self.branch}"], repository_fn=self._ours)

    def _ours(self, repository: str | None) -> bool:
        """Hooks and pollers spell one repository in many ways: the last part of the path has to do."""
        return _last(repository or "") in ("", _last(self.repository))

    def gotChange(self, change: Any, important: bool) -> Any:  # noqa: ARG002 - Buildbot's signature
        """One change on trunk; who pushed it counts only if nobody else can have said so."""
        push = told_by(change) if hooks_are_closed(self.master.config) else None
        return engine_of(self.master).look(f"change {change.number}", push)


def hooks_are_closed(config: Any) -> bool:
    """Whether only the git server can report changes: hooks want a password, or only this machine reaches them."""
    return bool(config.www.get("change_hook_auth")) or not reachable_from_outside(config)


def told_by(change: Any) -> Push | None:
    """The push that `buildbot-cd hook post-receive` told of; None for a change from anywhere else."""
    base, who, options = (change.properties.getProperty(name) for name in ("cd_base", "cd_pusher", "cd_push_options"))
    if not isinstance(who, str) or not who or not isinstance(base, str) or not change.revision:
        return None
    words = [one for one in options if isinstance(one, str)] if isinstance(options, list) else []
    pairs = (one.partition("=") for one in words)
    return Push(base, str(change.revision), who.lower(), {name: value for name, _, value in pairs})


def _last(url: str) -> str:
    return url.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1].removesuffix(".git")
