"""ASGI middleware: the headers of every answer that tell browsers what not to do with it."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",  # pictures of people belong in no cache
}
"""Defaults; a route that sets one of them keeps its own value."""
ANSWER_HEADERS = "answer_headers"
"""Where a request's state holds further headers of its answer."""


class SecurityHeaders:
    """Adds the headers that an answer does not have."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and complete its answer."""

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                added: dict[str, str] = scope["state"].get(ANSWER_HEADERS, {})
                for name, value in {**HEADERS, **added}.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_completed)
