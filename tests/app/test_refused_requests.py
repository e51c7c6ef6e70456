"""Every way to miss what an endpoint takes, at every endpoint that takes a body.

An answer says what arrived and what is allowed, and nothing of how the server is written.
"""

import io
import re
from typing import Any

import httpx
import numpy as np
import pytest

PICTURE_ROUTES = ("/confidence", "/confidence/weighted-image", "/clothing")
ROUTES = (*PICTURE_ROUTES, "/mesh", "/mesh/errors", "/measurements", "/synthesis")
HINTS = {
    **dict.fromkeys(PICTURE_ROUTES, "send a file part named `image`: curl -F image=@photo.jpg"),
    "/mesh": "curl -H 'Content-Type: application/json' -d '{\"betas\": [0]}'",
    "/measurements": "curl -H 'Content-Type: application/json' -d '{\"betas\": [0]}'",
    "/synthesis": "curl -H 'Content-Type: application/json' -d @skeletons.json",
    "/mesh/errors": "curl -F predicted=@predicted.npy -F ground_truth=@ground_truth.npy",
}
READ = {
    **dict.fromkeys(PICTURE_ROUTES, "multipart/form-data, application/json, image/*"),
    "/mesh": "application/json",
    "/mesh/errors": "application/json, multipart/form-data",
    "/measurements": "application/json",
    "/synthesis": "application/json",
}
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4
_buffer = io.BytesIO()
np.save(_buffer, np.zeros((4, 3)))
MESH = _buffer.getvalue()
PYTHON = re.compile(
    r"UploadFile|<class|received|Traceback|Error\b|object at 0x|NoneType|\bdict\b|\bstr\b|pydantic"
    r"|Extra inputs|Field required|Input should|should have|\bb['\"]"
)
"""Words of pydantic, FastAPI and Python."""


def typed(content_type: str | None, body: bytes | str) -> dict[str, Any]:
    headers = {} if content_type is None else {"content-type": content_type}
    return {"content": body, "headers": headers}


def form(*parts: tuple[str, tuple[str | None, bytes]]) -> dict[str, Any]:
    return {"files": list(parts)}


def part(disposition: bytes, data: bytes) -> dict[str, Any]:
    """A form of one part with a head of its own."""
    head = b"--B\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n"
    return typed("multipart/form-data; boundary=B", head + data + b"\r\n--B--\r\n")


JPEG_FILE, MESH_FILE = ("photo.jpg", JPEG), ("mesh.npy", MESH)
ANY_ROUTE: dict[str, tuple[dict[str, Any], int, str]] = {
    "nothing": ({}, 422, "the request has no body"),
    "an empty body without a content type": (typed(None, b""), 422, "the request has no body"),
    "no content type": (typed(None, b'{"betas": [0]}'), 415, "there is no content type"),
    "plain text": (typed("text/plain", "photo.jpg"), 415, "the content type is 'text/plain'"),
    "curl --data-binary @photo.jpg": (
        typed("application/x-www-form-urlencoded", JPEG),
        415,
        "the content type is 'application/x-www-form-urlencoded'",
    ),
    "bytes of no type": (
        typed("application/octet-stream", JPEG),
        415,
        "the content type is 'application/octet-stream'",
    ),
    "a content type that is none": (typed("nonsense", JPEG), 415, "the content type is 'nonsense'"),
}
PICTURE_FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "another part name": (form(("file", JPEG_FILE)), '"file" (a file)'),
    "two pictures": (
        form(("image", JPEG_FILE), ("image", JPEG_FILE)),
        '"image" (a file), "image" (a file)',
    ),
    "a part beside the picture": (
        form(("image", JPEG_FILE), ("scheme", (None, b"fine"))),
        '"image" (a file), "scheme" (text "fine", without a file name)',
    ),
    "curl -F image=photo.jpg": (
        form(("image", (None, b"photo.jpg"))),
        '"image" (text "photo.jpg", without a file name)',
    ),
    "curl -F 'image=<photo.jpg'": (
        part(b'name="image"', JPEG * 8),
        '"image" (text, without a file name)',
    ),
    "filename* alone": (
        part(b"name=\"image\"; filename*=UTF-8''%E8%BA%AB.jpg", JPEG),
        '"image" (text, without a file name)',
    ),
    "no parts": (typed("multipart/form-data; boundary=B", b"--B--\r\n"), "no parts"),
    "many parts": (
        form(*[(f"part{number}", JPEG_FILE) for number in range(9)]),
        '"part0" (a file), "part1" (a file), "part2" (a file), "part3" (a file), "part4" (a file), '
        "4 more parts",
    ),
}
PICTURE_JSON: dict[str, tuple[str, int, str]] = {
    "empty": ("", 422, "the body: is empty"),
    "no object": ("[1]", 422, "the body: is a list of 1; a JSON object is needed"),
    "null": ("null", 422, "the body: is null; a JSON object is needed"),
    "no picture": ("{}", 422, "image: is missing"),
    "another name": (
        '{"image": "", "file": ""}',
        422,
        "file: is not known; the object takes image",
    ),
    "a number": ('{"image": 7}', 422, "image: is 7; text is needed"),
    "bytes as numbers": ('{"image": [255, 216]}', 422, "image: is a list of 2; text is needed"),
    "a file's name": ('{"image": "photo.jpg"}', 422, "image: the text is not base64"),
    "a web address": ('{"image": "https://example.org/a.jpg"}', 422, "image: a web address"),
    "a data: URL without base64": ('{"image": "data:image/svg+xml,<svg/>"}', 422, "not in base64"),
    "base64 cut short": ('{"image": "aGVsbG8"}', 422, "image: the text is not base64"),
    "base64 of no picture": ('{"image": "aGVsbG8="}', 415, "JPEG, PNG, WebP"),
    "base64 of nothing": ('{"image": ""}', 422, "the picture is empty"),
    "millions of values": (
        f'{{"image": [{"[]," * 500_000}[]]}}',
        422,
        "values, lists and objects; at most 1000 are read",
    ),
    "no JSON": ('{"image": "aGV', 400, "the body is not JSON"),
    "no Unicode": ('{"image": "\\ud800"}', 400, "the body is not JSON"),
    "nested": ("[" * 100_000, 400, "the body is not JSON"),
}
MESH_FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "one file": (form(("predicted", MESH_FILE)), "ground_truth: "),
    "other names": (form(("a", MESH_FILE), ("b", MESH_FILE)), '"a" (a file), "b" (a file)'),
    "two of one name": (form(("predicted", MESH_FILE), ("predicted", MESH_FILE)), "ground_truth: "),
    "a third part": (
        form(("predicted", MESH_FILE), ("ground_truth", MESH_FILE), ("unit", (None, b"mm"))),
        'unit: the form has "predicted" (a file), "ground_truth" (a file), "unit" (text "mm"',
    ),
    "text": (
        form(("predicted", (None, b"a.npy")), ("ground_truth", MESH_FILE)),
        'predicted: the form has "predicted" (text "a.npy", without a file name)',
    ),
}
MESH_JSON = {
    "no betas": ("{}", "betas: is missing"),
    "empty betas": ('{"betas": []}', "betas: has 0 items; at least 1 are needed"),
    "301 betas": (f'{{"betas": [{"0," * 300}0]}}', "betas: has 301 items; at most 300 are allowed"),
    "NaN": ('{"betas": [NaN]}', "betas[0]: is NaN; a finite number is needed"),
    "text": ('{"betas": ["1"]}', 'betas[0]: is "1"; a number is needed'),
    "long text": (f'{{"betas": "{"x" * 99}"}}', f'betas: is "{"x" * 39}...; a list is needed'),
    "a flat pose": (
        f'{{"betas": [0], "body_pose": [{"0," * 68}0]}}',
        "body_pose: has 69 items; 23 x 3 numbers are needed: a list of 23 lists of 3",
    ),
    "a joint of two": (
        f'{{"betas": [0], "body_pose": [{"[0, 0]," * 22}[0, 0]]}}',
        "body_pose[0]: has 2 items; at least 3 are needed",
    ),
    "too far": (
        '{"betas": [0], "transl": [0, 0, -2e6]}',
        "transl[2]: is -2000000.0; at least -1e+06",
    ),
    "another name": (
        '{"betas": [0], "trans": [0, 0, 0]}',
        "trans: is not known; the object takes betas, body_pose",
    ),
}
PAIR_JSON = {
    "no ground truth": ('{"predicted": {"betas": [0]}}', "ground_truth: is missing"),
    "another name": (
        '{"predicted": {"betas": [0], "verts": []}, "ground_truth": {"betas": [0]}}',
        "predicted.verts: is not known; the object takes betas, body_pose, global_orient, transl, "
        "vertices",
    ),
    "a list for an object": (
        '{"predicted": [[0, 0, 0]], "ground_truth": {"betas": [0]}}',
        "predicted: is a list of 1; a JSON object is needed",
    ),
    "infinite vertices": (
        '{"predicted": {"vertices": [[0, Infinity, 0]]}, "ground_truth": {"betas": [0]}}',
        "predicted.vertices[0][1]: is Infinity; a finite number is needed",
    ),
}


def assert_refused(answer: httpx.Response, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    for word in words:
        assert word in answer.json()["detail"]
    assert not PYTHON.search(answer.text), answer.text


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("case", ANY_ROUTE)
def test_a_body_of_a_type_that_is_not_read_is_refused_with_the_types_that_are(
    client: httpx.Client, route: str, case: str
) -> None:
    request, status, words = ANY_ROUTE[case]
    answer = client.post(route, **request)
    assert_refused(answer, status, words, HINTS[route])
    if status == 415:
        assert f"this endpoint reads {READ[route]};" in answer.json()["detail"]


@pytest.mark.parametrize("route", PICTURE_ROUTES)
@pytest.mark.parametrize("case", PICTURE_FORMS)
def test_a_form_that_nearly_fits_is_refused_with_what_arrived_and_how_to_send_it(
    client: httpx.Client, route: str, case: str
) -> None:
    request, words = PICTURE_FORMS[case]
    assert_refused(client.post(route, **request), 422, f"the form has {words}", HINTS[route])


@pytest.mark.parametrize("route", PICTURE_ROUTES)
@pytest.mark.parametrize("case", PICTURE_JSON)
def test_json_without_a_picture_is_refused_with_what_arrived(
    client: httpx.Client, route: str, case: str
) -> None:
    body, status, words = PICTURE_JSON[case]
    assert_refused(client.post(route, **typed("application/json", body)), status, words)


@pytest.mark.parametrize("case", MESH_FORMS)
def test_a_form_without_two_meshes_is_refused_with_what_arrived(
    client: httpx.Client, case: str
) -> None:
    request, words = MESH_FORMS[case]
    assert_refused(client.post("/mesh/errors", **request), 422, words, HINTS["/mesh/errors"])


@pytest.mark.parametrize(
    ("route", "body", "words"),
    [
        *[("/mesh", *case) for case in MESH_JSON.values()],
        *[("/mesh/errors", *case) for case in PAIR_JSON.values()],
    ],
    ids=[*MESH_JSON, *PAIR_JSON],
)
def test_json_that_cannot_be_used_is_refused_with_what_arrived(
    client: httpx.Client, route: str, body: str, words: str
) -> None:
    assert_refused(client.post(route, **typed("application/json", body)), 422, words)


@pytest.mark.parametrize("route", ["/mesh", "/mesh/errors"])
def test_a_form_or_a_picture_is_no_mesh(client: httpx.Client, route: str) -> None:
    assert_refused(client.post(route, **typed("image/jpeg", JPEG)), 415, READ[route])
    if route == "/mesh":
        assert_refused(client.post(route, **form(("betas", (None, b"0")))), 415, READ[route])


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        *[("POST", f"{route}?size=2", "size: is no query parameter") for route in ROUTES],
        ("POST", "/confidence?scheme=fine", "this endpoint takes people, format"),
        ("POST", "/clothing?Scheme=fine", "this endpoint takes scheme, format"),
        ("POST", "/clothing?scheme=fine&scheme=fine", "scheme: is given 2 times; give it once"),
        ("POST", "/mesh?face=false", "this endpoint takes faces, rig, format"),
        ("POST", "/mesh?faces=perhaps", 'faces: is "perhaps"; true or false is needed'),
        ("GET", "/mesh/faces?x", "this endpoint takes format"),
        ("GET", "/models?verbose=1", "this endpoint takes none"),
    ],
)
def test_a_query_parameter_that_there_is_not_is_refused_with_those_that_there_are(
    client: httpx.Client, method: str, path: str, words: str
) -> None:
    assert_refused(client.request(method, path, json={"betas": [0]}), 422, words)


@pytest.mark.parametrize("path", ["/health/live?t=1", "/health/ready?t=1", "/metrics?t=1"])
def test_supervisors_may_add_what_they_like_to_a_query(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200
