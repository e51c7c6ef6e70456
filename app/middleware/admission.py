"""ASGI middleware: admits requests with work for a device, before their bodies are read.

A request holds a place in the queue from its head to the start of its answer, so that it is not
refused after work was done for it. A slow body loses its place after `HOLD_S`, and at most half of
the places wait for bodies; a request without a place takes one when its body is complete.
"""

import asyncio
from collections.abc import Iterable

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.engine.batch_runner import DeviceFaultError
from app.engine.engine import Engine
from app.engine.queue import EngineClosedError, QueueFullError
from app.errors import RefusedError, kind_of, problem
from app.middleware.paths import route_path

HOLD_S = 1.0
"""How long a place waits for a body: enough for a photo on an ordinary connection."""
_REFUSALS = (QueueFullError, EngineClosedError, DeviceFaultError)


class Admission:
    """Passes a request on while the engine has a place for it."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute], max_queue: int) -> None:
        """Nothing is admitted yet.

        Args:
            app: Gets the requests; its state holds the engine.
            routes: Of them, those that take a POST need a place.
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
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        route = self.routes.get(route_path(scope)) if is_post else None
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = route  # names the route in the metrics of a refusal
        visit = _Visit(self, scope["app"].state.service.engine, receive, send)
        try:
            visit.begin()
            await self.app(scope, visit.receive, visit.send)
        except _REFUSALS as error:  # of `begin`: what a route raises is answered in the app
            await problem(scope, kind_of(error), str(error))(scope, receive, send)
        finally:
            visit.stop_waiting()
            visit.leave()


class _Visit:
    """A request, and the place that it may hold."""

    def __init__(self, gate: Admission, engine: Engine, receive: Receive, send: Send) -> None:
        self._gate = gate
        self._engine = engine
        self._receive = receive
        self._send = send
        self._has_place = False
        self._timer: asyncio.TimerHandle | None = None
        """Runs while the place waits for the body."""

    def begin(self) -> None:
        """Take a place, or only check for one where too many wait for bodies already.

        Raises:
            QueueFullError, EngineClosedError, DeviceFaultError: As `Engine.enter`.
        """
        self._enter()
        if self._gate.num_arriving < self._gate.max_arriving:
            self._gate.num_arriving += 1
            self._timer = asyncio.get_running_loop().call_later(HOLD_S, self._give_up_place)
        else:
            self.leave()

    async def receive(self) -> Message:
        """The next part of the body. With the last one the request must have a place.

        Raises:
            RefusedError: There is none.
        """
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self.stop_waiting()
            if not self._has_place:
                try:
                    self._enter()
                except _REFUSALS as error:
                    raise RefusedError(kind_of(error), str(error)) from None
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on. The place is free when it begins."""
        if message["type"] == "http.response.start":
            self.leave()
        await self._send(message)

    def stop_waiting(self) -> None:
        """The body is complete, or does not come."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._gate.num_arriving -= 1

    def leave(self) -> None:
        """Return the place, if there is one."""
        if self._has_place:
            self._has_place = False
            self._engine.leave()

    def _enter(self) -> None:
        self._engine.enter()
        self._has_place = True

    def _give_up_place(self) -> None:
        self.stop_waiting()
        self.leave()
