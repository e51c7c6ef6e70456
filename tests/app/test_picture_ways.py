"""A picture may be sent as a form's file, as base64 in JSON, or as the body: the answer is one."""

import asyncio
import base64
import io
import json
import textwrap
from typing import Any

import httpx
import pytest
from PIL import Image
from starlette.requests import Request

from app.codecs.request_body import PICTURE, read_files

ROUTES = {
    "/confidence": ("png", "npy", "json"),
    "/confidence/weighted-image": ("png", "npy"),
    "/clothing": ("png", "npy", "json"),
}
MEDIA_TYPES = {"png": "image/png", "npy": "application/x-npy", "json": "application/json"}


@pytest.fixture(scope="module")
def data(photo: Image.Image) -> bytes:
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    return buffer.getvalue()


def in_json(text: str) -> dict[str, Any]:
    return {"json": {"image": text}}


def ways(data: bytes) -> dict[str, dict[str, Any]]:
    text = base64.b64encode(data).decode()
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    return {
        "JSON": in_json(text),
        "JSON with a charset": {"content": json.dumps({"image": text}), "headers": headers},
        "JSON with escapes": {"content": json.dumps({"image": text}).replace("/", "\\/"),
                              "headers": headers},
        "lines of base64": in_json("\n".join(textwrap.wrap(text, 76))),
        "data: URL": in_json(f"data:image/png;base64,{text}"),
        "data: URL in capitals": in_json(f"DATA:image/png;charset=x;BASE64,{text}"),
        "raw": {"content": data, "headers": {"content-type": "image/png"}},
        "raw of another type": {"content": data, "headers": {"content-type": "image/jpeg"}},
        "raw of an unknown type": {"content": data, "headers": {"content-type": "IMAGE/x; q=1"}},
        "raw in parts": {"content": iter([data[:9], data[9:]]),
                         "headers": {"content-type": "image/png"}},
        "a file of another type": {"files": {"image": ("a.txt", data, "text/plain")}},
    }  # fmt: skip


@pytest.mark.parametrize("way", ways(b""))
@pytest.mark.parametrize("route", ROUTES)
def test_every_way_to_send_a_picture_gets_the_same_answer(
    client: httpx.Client, data: bytes, route: str, way: str
) -> None:
    by_form = client.post(route, files={"image": ("photo.png", data)})
    answer = client.post(route, **ways(data)[way])
    assert answer.status_code == 200, answer.text
    assert answer.content == by_form.content


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
@pytest.mark.parametrize(
    ("route", "name"), [(route, name) for route, names in ROUTES.items() for name in names]
)
def test_a_format_in_the_query_overrides_accept(
    client: httpx.Client, data: bytes, route: str, name: str, accept: str
) -> None:
    files = {"image": ("photo.png", data)}
    answer = client.post(f"{route}?format={name}", files=files, headers={"accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPES[name]
    asked = client.post(route, files=files, headers={"accept": MEDIA_TYPES[name]})
    assert answer.content == asked.content


@pytest.mark.parametrize("name", ["json", "glb", "obj", "ply", "npz"])
def test_a_mesh_has_formats_too(client: httpx.Client, name: str) -> None:
    answer = client.post(f"/mesh?format={name}", json={"betas": [0]})
    assert answer.status_code == 200
    short = client.post(f"/mesh?faces=false&format={name}", json={"betas": [0]})
    assert short.status_code == (200 if name in ("json", "npz") else 406)


def test_a_format_that_an_endpoint_does_not_give_is_refused_before_the_picture_is_read(
    client: httpx.Client,
) -> None:
    for route, names in ROUTES.items():
        answer = client.post(f"{route}?format=glb", content=b"x")
        assert answer.status_code == 406
        for name in names:
            assert f"?format={name}" in answer.json()["detail"]
            assert MEDIA_TYPES[name] in answer.json()["detail"]


def test_other_requests_run_while_a_large_form_is_parsed() -> None:
    """A form of line breaks takes longest: each may begin a boundary."""
    head = b'--B\r\nContent-Disposition: form-data; name="image"; filename="p"\r\n\r\n'
    body = head + b"\r\n" * 500_000 + b"\r\n--B--\r\n"
    parts = [body[start : start + 65_536] for start in range(0, len(body), 65_536)]
    scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=B")]}

    async def parse() -> int:
        """How many turns another task gets, when all parts are there already."""
        remaining = iter(parts)
        num_turns = 0

        async def receive() -> dict[str, Any]:
            part = next(remaining)
            return {"type": "http.request", "body": part, "more_body": part is not parts[-1]}

        async def other() -> None:
            nonlocal num_turns
            while True:
                num_turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(other())
        [data] = await read_files(Request(scope, receive), PICTURE, len(body))
        assert data == b"\r\n" * 500_000
        beside.cancel()
        return num_turns

    assert asyncio.run(parse()) >= len(parts)
