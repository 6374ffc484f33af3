# SPDX-License-Identifier: GPL-2.0-only
"""What our endpoints share: one consistent read, pages, control calls and their errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from buildbot.data import base, exceptions
from buildbot.www.authz import Forbidden
from buildbot.www.rest import JSONRPC_CODES, BadJsonRpc2
from twisted.internet import defer
from twisted.python import log

from buildbot_cd.engine.lookup import engine_of
from buildbot_cd.engine.orders import ACTIONS, BadOrder, Order, OutOfDate, parse
from buildbot_cd.engine.views import Lens
from buildbot_cd.errors import CdError, ConfigError, ControlRefused
from buildbot_cd.plugins.data.entities import Addressed
from buildbot_cd.plugins.data.permission import ANONYMOUS, require, said

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from buildbot_cd.engine.service import Engine
    from buildbot_cd.store.interface import Tx

REFUSED = -32001
"""JSON-RPC code: the rules do not allow it."""

OUT_OF_DATE = -32002
"""JSON-RPC code: what the caller saw is over."""


class CdEndpoint(Addressed):
    """An endpoint whose answer is a function of one transaction."""

    def get(self, resultSpec: Any, kwargs: dict[str, Any]) -> defer.Deferred[Any]:
        """Buildbot's way to ask; None becomes 404."""
        return defer.ensureDeferred(self.answer(resultSpec, kwargs))

    async def answer(self, resultSpec: Any, kwargs: dict[str, Any]) -> Any:  # noqa: ARG002 - for those with pages
        """The object, or the list of objects."""
        engine = self.engine
        lens = lens_of(engine)
        return await engine.store.read(lambda tx: self.view(tx, kwargs, lens))

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        """The endpoint's own part, for those that need the parts of the address alone."""
        raise NotImplementedError

    @property
    def engine(self) -> Engine:
        """The master's engine. A master without one, or one that is not up yet, has no such address."""
        try:
            engine = engine_of(self.master)
        except ConfigError as error:
            raise exceptions.InvalidPathError(str(error)) from error
        if not engine.ready:
            raise exceptions.InvalidPathError("continuous deployment is still starting on this master: ask again")
        return engine


class OfId(CdEndpoint):
    """One that needs the object's number alone: ``look`` is its view, of (transaction, number)."""

    look: Callable[[Tx, int], Any]

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:  # noqa: ARG002 - the views here do without it
        """What ``look`` gives."""
        return self.look(tx, kwargs["id"])


class OfGate(CdEndpoint):
    """One below a gate: ``look`` is its view, of (transaction, the gate's name, lens)."""

    look: Callable[[Tx, str, Lens], Any]

    def view(self, tx: Tx, kwargs: dict[str, Any], lens: Lens) -> Any:
        """What ``look`` gives."""
        return self.look(tx, kwargs["gate"], lens)


class Written(CdEndpoint):
    """One large object, handed to Buildbot as the text of its answer, which is the same as any other's.

    Of an object Buildbot writes each number by itself, and twice over: 800 hosts take it longer that way than
    everything before.
    """

    kind = base.EndpointKind.RAW_INLINE

    async def answer(self, resultSpec: Any, kwargs: dict[str, Any]) -> Any:
        """The text and its type; None becomes 404."""
        found = await super().answer(resultSpec, kwargs)
        if found is None:
            return None
        body = {self.rtype.plural: [resultSpec.apply(found)], "meta": {}}
        return {"mime-type": "application/json", "raw": json.dumps(body, separators=(",", ":"), sort_keys=True)}


def lens_of(engine: Engine) -> Lens:
    """How this master looks at its gate."""
    suite = engine.config.suite
    budget = suite.tests.budget if suite is not None and suite.tests is not None else None
    return Lens(engine.policy, engine.now(), budget, engine.memory)


def _code(error: BadOrder | ControlRefused) -> int:
    if isinstance(error, BadOrder):
        return int(JSONRPC_CODES["invalid_params"])
    return OUT_OF_DATE if isinstance(error, OutOfDate) else REFUSED


class Controlled(CdEndpoint):
    """An endpoint that takes orders. ``kind_of_object`` is a key of `engine.orders.ACTIONS`, ``key`` the part of the
    address that names the object, and ``order`` carries an order out: (engine, the object's name, order).
    """

    kind_of_object = ""
    key = "id"
    order: Callable[[Engine, Any, Order], Awaitable[None]]

    def gate_of(self, tx: Tx, ident: Any) -> str | None:
        """The gate of the object with this name, None if there is none."""
        found = getattr(tx, f"{self.kind_of_object}s").get(ident)
        return None if found is None else str(found.gate)

    def path(self, kwargs: dict[str, Any]) -> tuple[str, ...]:
        """The address of the object, as rules of Buildbot's authz are asked about it."""
        return ("cd", f"{self.kind_of_object}s", str(kwargs[self.key]))

    async def act(self, engine: Engine, order: Order, kwargs: dict[str, Any]) -> None:
        """Carry out the order. InvalidPathError if the engine's gate has no such object."""
        ident = kwargs[self.key]
        gate = await engine.store.read(lambda tx: self.gate_of(tx, ident))
        if gate is None or gate != engine.gate:
            raise exceptions.InvalidPathError(f"gate {engine.gate} has no {self.kind_of_object} {ident}")
        await self.order(engine, ident, order)

    def control(self, action: str, args: dict[str, Any], kwargs: dict[str, Any]) -> defer.Deferred[Any]:
        """Buildbot's way to order; ``args`` are the call's parameters, with ``owner`` set by Buildbot to the caller."""
        return defer.ensureDeferred(self._control(action, dict(args), kwargs))

    async def _control(self, action: str, args: dict[str, Any], kwargs: dict[str, Any]) -> Any:
        by = str(args.pop("owner", None) or ANONYMOUS)
        path = self.path(kwargs)
        what = f"{action[:50]!r} on {'/'.join(path)!r} by {by!r}"
        try:
            result = await self._ordered(action, args, kwargs, by, path)
        except (Forbidden, CdError, exceptions.InvalidPathError, exceptions.InvalidControlException) as error:
            why = said(error) if isinstance(error, Forbidden) else str(error)
            log.msg(f"buildbot_cd: refused: {what}: {why}")
            if not isinstance(error, BadOrder | ControlRefused):
                raise
            raise BadJsonRpc2(str(error), _code(error)) from error
        log.msg(f"buildbot_cd: done: {what}")
        return result

    async def _ordered(
        self, action: str, args: dict[str, Any], kwargs: dict[str, Any], by: str, path: tuple[str, ...]
    ) -> Any:
        engine = self.engine
        if action not in ACTIONS[self.kind_of_object]:
            known = ", ".join(ACTIONS[self.kind_of_object])
            raise exceptions.InvalidControlException(f"there is no {action[:50]!r} here; there are {known}")
        await require(self.master, path, action, args, by)
        await self.act(engine, parse(self.kind_of_object, action, args, by, engine.now()), kwargs)
        lens = lens_of(engine)
        return await engine.store.read(lambda tx: self.view(tx, kwargs, lens))
