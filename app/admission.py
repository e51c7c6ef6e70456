"""ASGI middleware at the door of the queue: who will be refused is not asked for a body.

A request that is let in holds a place while its body arrives and is decoded, so that no work is
done for what is refused in the end. Senders that are slow cannot keep the places from others: after
`HOLD_S` a place is free again, and at most half of them wait for bodies. Who has none takes one
when the body is whole.
"""

import asyncio
from collections.abc import Iterable

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.engine import Engine
from app.errors import RefusedError, kind_of, problem
from app.execution import DeviceFaultError
from app.places import Place, belonging
from app.queueing import EngineClosedError, QueueFullError

HOLD_S = 1.0
"""How long a place waits for a body: what a client on a fair line needs for a photo."""
_REFUSALS = (QueueFullError, EngineClosedError, DeviceFaultError)


class AdmissionGate:
    """Lets a request with an item through while there is a place for it."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute], max_queue: int) -> None:
        """The engine is that of the app that the requests are for.

        Args:
            app: What is behind the door.
            routes: Of them, those that take a POST submit an item.
            max_queue: Places that the engine has.
        """
        self.app = app
        self.routes = {
            route.path: route
            for route in routes
            if isinstance(route, Route) and "POST" in (route.methods or ())
        }
        self.max_arriving = max(1, max_queue // 2)
        self.num_arriving = 0
        """Places that wait for bodies."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        route = self._route(scope)
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = route  # what is refused here has a name in the metrics too
        engine: Engine = scope["app"].state.service.engine
        place = Place(engine.reserve, engine.release)
        try:
            if self.num_arriving < self.max_arriving:
                place.take()
            else:
                engine.check_admission()
        except _REFUSALS as error:
            await problem(scope, kind_of(error), str(error))(scope, receive, send)
            return
        arrival = _Arrival(self, receive, place)
        with belonging(place):
            try:
                await self.app(scope, arrival.receive, send)
            finally:
                arrival.end()

    def _route(self, scope: Scope) -> Route | None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        path: str = scope["path"]
        return self.routes.get(path.removeprefix(scope.get("root_path", "")))


class _Arrival:
    """A body on its way, and the place that waits for it."""

    def __init__(self, gate: AdmissionGate, receive: Receive, place: Place) -> None:
        self._gate = gate
        self._receive = receive
        self._place = place
        self._is_over = False
        self._timer: asyncio.TimerHandle | None = None
        if place.is_held:
            gate.num_arriving += 1
            self._timer = asyncio.get_running_loop().call_later(HOLD_S, self._lapse)

    async def receive(self) -> Message:
        """The next part of the body.

        Raises:
            RefusedError: It is whole, it held no place any more, and there is none.
        """
        message = await self._receive()
        if not self._is_over and not message.get("more_body", False):
            self.end()
            if message["type"] == "http.request" and not self._place.is_held:
                try:
                    self._place.take()
                except _REFUSALS as error:
                    raise RefusedError(kind_of(error), str(error)) from error
        return message

    def end(self) -> None:
        """It is whole, or will not come."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._gate.num_arriving -= 1

    def _lapse(self) -> None:
        self._timer = None
        self._gate.num_arriving -= 1
        self._place.give_back()
