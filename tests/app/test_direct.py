"""Direct routes against FastAPI's own: the same endpoint, the same requests, the same answers."""

import asyncio
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, File, Query, UploadFile
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.direct import DirectRoute
from app.schemas.body import MeshRequest

JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=x"}
PART = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\nabc\r\n'


async def _named(request: Request, name: Annotated[str, Query(max_length=4)] = "none") -> str:
    return f"{name} of {request.headers.get('x-from', 'nobody')}"


async def _content(
    image: Annotated[UploadFile, File()], named: Annotated[str, Depends(_named)]
) -> str:
    return f"{(await image.read()).decode()} for {named}"


def _app(route_class: type[APIRoute]) -> FastAPI:
    router = APIRouter(route_class=route_class)

    @router.post("/json")
    async def json_route(body: MeshRequest, named: Annotated[str, Depends(_named)]) -> Response:
        return JSONResponse({"betas": body.betas, "named": named})

    @router.post("/form")
    async def form_route(
        content: Annotated[str, Depends(_content)], twice: Annotated[bool, Query()] = False
    ) -> Response:
        return JSONResponse([content] * (1 + twice))

    @router.get("/path/{number}")
    async def path_route(number: int) -> Response:
        return JSONResponse(number)

    return FastAPI(routes=router.routes)


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/json", JSON, b'{"betas": [1, 2]}'),
        ("/json?name=ann", {**JSON, "x-from": "here"}, b'{"betas": [1]}'),
        ("/json?name=too+long", JSON, b'{"betas": "no", "more": 1}'),
        ("/json", {"content-type": "application/vnd.x+json; charset=utf-8"}, b'{"betas": [1]}'),
        ("/json", {"content-type": "text/plain"}, b'{"betas": [1]}'),
        ("/json", {"content-type": ""}, b'{"betas": [1]}'),
        ("/json", {}, b'{"betas": [1]}'),
        ("/json", JSON, b""),
        ("/json", JSON, b"{"),
        ("/json", JSON, b"\xff\xfe\xfd"),
        ("/json", JSON, b"[" * 100_000),
        ("/json", JSON, b"[1]"),
        ("/json", JSON, b"null"),
        ("/form", FORM, PART % (b"image", b'; filename="a"') + b"--x--\r\n"),
        ("/form?twice=1&name=bob", FORM, PART % (b"image", b'; filename="a"') + b"--x--\r\n"),
        ("/form?twice=x&name=bobby", FORM, PART % (b"image", b'; filename="a"') + b"--x--\r\n"),
        ("/form", FORM, PART % (b"image", b"") + b"--x--\r\n"),
        ("/form", FORM, PART % (b"other", b'; filename="a"') + b"--x--\r\n"),
        ("/form", FORM, b"--x--\r\n"),
        ("/form", FORM, b"--y"),
        ("/form", {"content-type": "multipart/form-data"}, b"--x--\r\n"),
        ("/form", {"content-type": "application/x-www-form-urlencoded"}, b"image=abc"),
        ("/form", JSON, b'{"image": "abc"}'),
        ("/form", {}, b""),
    ],
)
def test_a_direct_route_answers_as_fastapi_does(
    path: str, headers: dict[str, str], body: bytes
) -> None:
    def ask(app: FastAPI) -> tuple[int, bytes]:
        answer = asyncio.run(_ask(app, "POST", path, headers, body))
        return answer.status_code, answer.content

    assert ask(_app(DirectRoute)) == ask(_app(APIRoute))


@pytest.mark.parametrize("path", ["/path/7", "/path/seven"])
def test_a_direct_route_reads_its_path_as_fastapi_does(path: str) -> None:
    direct, own = (asyncio.run(_ask(_app(kind), "GET", path)) for kind in (DirectRoute, APIRoute))
    assert (direct.status_code, direct.content) == (own.status_code, own.content)


def test_direct_routes_are_documented_as_fastapis_own() -> None:
    assert _app(DirectRoute).openapi() == _app(APIRoute).openapi()


def test_a_form_with_too_many_parts_is_refused() -> None:
    body = PART % (b"image", b'; filename="a"') * 3 + b"--x--\r\n"
    answer = asyncio.run(_ask(_app(DirectRoute), "POST", "/form", FORM, body))
    assert (answer.status_code, b"files" in answer.content) == (400, True)


def test_what_a_direct_route_does_not_provide_is_refused_when_it_is_made() -> None:
    router = APIRouter(route_class=DirectRoute)

    async def with_response(response: Response) -> Response:
        return response

    def not_async() -> Response:
        return Response()

    with pytest.raises(ValueError, match="nobody provides"):
        router.get("/a")(with_response)
    with pytest.raises(ValueError, match="is not async"):
        router.get("/b")(not_async)


async def _ask(
    app: FastAPI, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> httpx.Response:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, path, headers=headers, content=body)
