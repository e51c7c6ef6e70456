"""ASGI middleware: admits requests with work for a device.

A request is refused at its head while the queue is full. It takes its place when its body is
complete, so that slow clients hold no places, and keeps it until its answer begins.
"""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.engine.engine import Engine
from app.middleware.paths import route_path


class Admission:
    """Passes a request on while the engine has a place for it: POST to one of the routes."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self.app = app
        self.routes = {
            route.path: route
            for route in routes
            if isinstance(route, Route) and "POST" in (route.methods or ())
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on.

        Raises:
            QueueFullError, EngineClosedError, DeviceFaultError: As `Engine.check_room`.
        """
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        route = self.routes.get(route_path(scope)) if is_post else None
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = route  # names the route in the metrics of a refusal
        engine: Engine = scope["app"].state.service.engine
        engine.check_room()
        has_place = False

        def leave() -> None:
            nonlocal has_place
            if has_place:
                has_place = False
                engine.leave()

        async def receive_admitted() -> Message:
            nonlocal has_place
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                engine.enter()
                has_place = True
            return message

        async def send_leaving(message: Message) -> None:
            if message["type"] == "http.response.start":
                leave()
            await send(message)

        try:
            await self.app(scope, receive_admitted, send_leaving)
        finally:
            leave()
