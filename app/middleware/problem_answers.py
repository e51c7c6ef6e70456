"""ASGI middleware: an exception becomes a problem document."""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import problem, problem_of
from app.schemas.problems import INTERNAL

_log = logging.getLogger(__name__)


class ProblemAnswers:
    """Answers what the routes and the middleware inside of this one raise.

    Starlette's handler of `Exception` is outside of all middleware.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; log an unknown exception, whose text the client does not get."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_begun = False

        async def send_noted(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_noted)
        except Exception as error:
            if is_begun:
                raise
            answer = problem_of(scope, error)
            if answer is None:
                _log.exception("internal error", exc_info=error)
                answer = problem(scope, INTERNAL, INTERNAL.example)
            await answer(scope, receive, send)
