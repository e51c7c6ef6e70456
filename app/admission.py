"""ASGI middleware at the door of the queue: who will be refused is not asked for a body.

A request that is let in holds a place from then on, so that no work is done for what is refused in
the end. It is handed on when its body is whole: slow senders cost nothing else meanwhile. Nor do
they keep the places from others: after `HOLD_S` a place is free again, and at most half of them
wait for bodies. Who has none takes one when the body is whole.
"""

import asyncio
from collections import deque
from collections.abc import Iterable

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.engine import Engine
from app.errors import RefusedError, kind_of, problem
from app.execution import DeviceFaultError
from app.places import Place, belonging
from app.queueing import EngineClosedError, QueueFullError
from app.turnstile import Turnstile

HOLD_S = 1.0
"""How long a place waits for a body: what a client on a fair line needs for a photo."""
_PART_BYTES = 65_536
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
        self._turnstile = Turnstile()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        route = self._route(scope)
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = route  # what is refused here has a name in the metrics too
        engine: Engine = scope["app"].state.service.engine
        place = Place(engine.reserve, engine.release)
        with belonging(place):
            try:
                await self._turnstile.wait()
                turn = self._turnstile.turn
                if self.num_arriving < self.max_arriving:
                    place.take()
                else:
                    engine.check_admission()
                body = await _Arrival(self, receive, place).collect()
                if not place.is_held:
                    place.take()
            except _REFUSALS as error:
                await problem(scope, kind_of(error), str(error))(scope, receive, send)
            except RefusedError as error:
                await problem(scope, error.kind, error.detail)(scope, receive, send)
            else:
                if self._turnstile.turn != turn:  # the body came later
                    await self._turnstile.wait()
                await self.app(scope, body.receive, send)

    def _route(self, scope: Scope) -> Route | None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        path: str = scope["path"]
        return self.routes.get(path.removeprefix(scope.get("root_path", "")))


class _Arrival:
    """A body on its way, and the place that waits for it for a while."""

    def __init__(self, gate: AdmissionGate, receive: Receive, place: Place) -> None:
        self._gate = gate
        self._receive = receive
        self._place = place
        self._timer: asyncio.TimerHandle | None = None

    async def collect(self) -> "_Body":
        """The body, when it is whole or its client gone.

        Raises:
            RefusedError: As `receive` does.
        """
        if self._place.is_held:
            self._gate.num_arriving += 1
            self._timer = asyncio.get_running_loop().call_later(HOLD_S, self._lapse)
        body = _Body(self._receive)
        try:
            while not body.add(await self._receive()):
                pass
            return body
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._gate.num_arriving -= 1

    def _lapse(self) -> None:
        self._timer = None
        self._gate.num_arriving -= 1
        self._place.give_back()


class _Body:
    """A body that has been collected, to be received once more. What is handed on is let go."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._parts: deque[bytearray] = deque()
        self._is_whole = False

    def add(self, message: Message) -> bool:
        """Keep a part.

        Returns:
            Whether it is the last.
        """
        if message["type"] == "http.disconnect":
            return True
        # Joined, because crumbs would take more memory than they hold.
        if not self._parts or len(self._parts[-1]) >= _PART_BYTES:
            self._parts.append(bytearray())
        self._parts[-1] += message.get("body", b"")
        self._is_whole = not message.get("more_body", False)
        return self._is_whole

    async def receive(self) -> Message:
        """The next part; after the last what becomes of the client."""
        if not self._parts:
            return await self._receive()
        part = bytes(self._parts.popleft())
        more = bool(self._parts) or not self._is_whole
        return {"type": "http.request", "body": part, "more_body": more}
