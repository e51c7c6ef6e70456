"""ASGI middleware: bounds the memory of pictures and answers, and sends answers in parts.

The server waits for a slow client between two parts. So the memory of an answer is claimed until
all but the last part has left the process.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import RefusedError, problem
from app.middleware.memory import MemoryBudget, claiming
from app.telemetry.metrics import Metrics

PART_BYTES = 65_536
"""An answer of one part is not counted: the buffer of a connection holds as much anyway."""


class MemoryGate:
    """Gives each request a claim: for its picture, and then for its answer until that is sent."""

    def __init__(self, app: ASGIApp, max_bytes: int, metrics: Metrics) -> None:
        self.app = app
        self.budget = MemoryBudget(max_bytes)
        metrics.claimed.set_function(lambda: self.budget.num_claimed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; send 503 in place of an answer for which there is no room."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with claiming(self.budget) as claim:
            is_refused = False

            async def send_counted(message: Message) -> None:
                nonlocal is_refused
                if message["type"] == "http.response.start":
                    num_bytes = int(dict(message["headers"]).get(b"content-length", 0))
                    try:
                        # What the answer was made from is not needed any more.
                        claim.resize(num_bytes if num_bytes > PART_BYTES else 0)
                    except RefusedError as error:
                        is_refused = True
                        await problem(scope, error.kind, error.detail)(scope, receive, send)
                if not is_refused:
                    await _send_in_parts(message, send)

            await self.app(scope, receive, send_counted)


async def _send_in_parts(message: Message, send: Send) -> None:
    body: bytes = message.get("body", b"")
    if len(body) <= PART_BYTES:
        await send(message)
        return
    for start in range(0, len(body), PART_BYTES):
        end = start + PART_BYTES
        more = end < len(body) or message.get("more_body", False)
        await send({**message, "body": body[start:end], "more_body": more})
