"""What browsers are told about every answer: run nothing, show nothing elsewhere, keep nothing."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Pictures of people, and what is made of them, belong in no cache.
    "Cache-Control": "no-store",
}
"""For an answer that says nothing else. An answer that may be kept or run says so itself."""
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
"""As ASGI has them, made once."""


class SecurityHeaders:
    """ASGI middleware: completes the headers of every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and complete its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                said = {name for name, _ in headers}
                rest = [header for header in _RAW_HEADERS if header[0] not in said]
                message["headers"] = [*headers, *rest]
            await send(message)

        await self.app(scope, receive, send_completed)
