"""A picture may be sent as a form's file, as base64 in JSON, or as the body: the answer is one."""

import base64
import io
import json
import textwrap
import threading
import time
from typing import Any

import httpx
import pytest
from PIL import Image

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


def test_a_picture_in_json_does_not_hold_up_others(client: httpx.Client) -> None:
    """As large as a body may be here; on a quiet machine it is milliseconds."""
    longest_s, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal longest_s
        with httpx.Client(base_url=client.base_url, trust_env=False, verify=False) as other:
            while not done.is_set():
                started = time.perf_counter()
                other.get("/health/live")
                longest_s = max(longest_s, time.perf_counter() - started)

    watcher = threading.Thread(target=watch)
    watcher.start()
    commas = "{" + '"image":[' + "[]," * 600_000 + "[]]}"
    for body in (json.dumps({"image": "A" * 1_900_000}), commas):
        answer = client.post(
            "/confidence", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code in (415, 422)
    done.set()
    watcher.join()
    assert longest_s < 0.5
