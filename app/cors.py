"""ASGI middleware: what web pages of other origins may do, with refusals like all others."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import problem
from app.problem_kinds import CROSS_ORIGIN


class CrossOrigin(CORSMiddleware):
    """Starlette's, but a browser that asks for too much is answered with a problem document."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """What a browser is told that asks whether it may ask."""
        answer = super().preflight_response(request_headers)
        return answer if answer.status_code == 200 else _Refusal(answer)


class _Refusal(Response):
    """Becomes a problem document when it knows the request."""

    def __init__(self, answer: Response) -> None:
        super().__init__(status_code=answer.status_code)
        headers = answer.headers.items()
        self._kept = {name: text for name, text in headers if not name.startswith("content-")}
        _, _, self._failures = bytes(answer.body).decode().partition("CORS ")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = f"not allowed from there: {self._failures}; HABITUS_CORS_ORIGINS lists the origins"
        await problem(scope, CROSS_ORIGIN, detail, headers=self._kept)(scope, receive, send)
