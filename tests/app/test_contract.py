import io
import json
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image, ImageOps

from app.capabilities import Predictors
from model.body.predictor import BodyPredictor
from model.silhouette.predictor import SilhouettePredictor

PICTURE_ROUTES = ["/confidence", "/confidence/weighted-image", "/clothing"]
MESH_ROUTES = ["/mesh", "/mesh/errors", "/measurements"]
JSON_ROUTES = [*MESH_ROUTES, "/synthesis"]
JSON = {"content-type": "application/json"}


def encoded(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=array.dtype == object)
    return buffer.getvalue()


def post_picture(
    client: httpx.Client, route: str, data: bytes, accept: str = "*/*"
) -> httpx.Response:
    return client.post(route, files={"image": ("p", data)}, headers={"accept": accept})


def post_json(
    client: httpx.Client, route: str, body: str | object, accept: str = "*/*"
) -> httpx.Response:
    text = body if isinstance(body, str) else json.dumps(body)
    return client.post(route, content=text, headers={**JSON, "accept": accept})


def assert_problem(response: httpx.Response, status: int, *words: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem.keys() - {"errors"} == {"type", "title", "status", "detail", "instance"}
    assert problem["status"] == status
    assert problem["instance"] == response.headers["x-request-id"]
    for word in words:
        assert word in problem["detail"]


def declared_png(width: int, height: int) -> bytes:
    """A PNG whose header declares a size and whose pixels are missing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    rest = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return b"\x89PNG\r\n\x1a\n" + chunk + rest


def test_the_tables_cover_every_post_route(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {path for path, operations in paths.items() if "post" in operations} == {
        *PICTURE_ROUTES,
        *JSON_ROUTES,
    }


UNUSABLE_PICTURES: dict[str, tuple[Callable[[Image.Image], bytes], int, list[str]]] = {
    "empty": (lambda _: b"", 422, ["empty"]),
    "text": (lambda _: b"hello, I am a picture", 415, ["hello, I", "JPEG, PNG, WebP, BMP, TIFF"]),
    "PDF": (lambda _: b"%PDF-1.7", 415, ["a PDF file", "GIF, AVIF are read"]),
    "truncated GIF": (lambda photo: half(encoded(photo, "GIF")), 422, ["GIF"]),
    "truncated AVIF": (lambda photo: half(encoded(photo, "AVIF")), 422, ["AVIF"]),
    "half a JPEG with an end marker": (
        lambda photo: encoded(photo, "JPEG")[:-100] + b"\xff\xd9",
        422,
        ["JPEG", "premature end"],
    ),
    "truncated JPEG": (lambda photo: half(encoded(photo, "JPEG")), 422, ["JPEG", "truncated"]),
    "only a JPEG's start": (lambda photo: encoded(photo, "JPEG")[:30], 422, ["JPEG"]),
    "truncated PNG": (lambda photo: half(encoded(photo)), 422, ["PNG"]),
    "truncated WebP": (lambda photo: half(encoded(photo, "WEBP")), 422, ["WebP"]),
    "truncated BMP": (lambda photo: half(encoded(photo, "BMP")), 422, ["BMP"]),
    "1x1": (lambda photo: encoded(photo.resize((1, 1))), 422, ["1x1", "16"]),
    "15 wide": (lambda photo: encoded(photo.resize((15, 400))), 422, ["15x400", "16"]),
    "60,000 x 60,000": (lambda _: declared_png(60_000, 60_000), 413, ["3600000000"]),
    "9,000 x 9,000": (lambda _: declared_png(9_000, 9_000), 413, ["9000x9000", "50000000"]),
}


@pytest.mark.parametrize("route", PICTURE_ROUTES)
@pytest.mark.parametrize("case", UNUSABLE_PICTURES)
def test_an_unusable_picture_is_refused_with_the_reason(
    client: httpx.Client, photo: Image.Image, route: str, case: str
) -> None:
    make, status, words = UNUSABLE_PICTURES[case]
    assert_problem(post_picture(client, route, make(photo)), status, *words)


def _animated(file_format: str) -> Callable[[Image.Image], bytes]:
    return lambda photo: encoded(
        photo, file_format, save_all=True, append_images=[ImageOps.invert(photo)], duration=50
    )


def _turned(orientation: int, file_format: str = "JPEG") -> Callable[[Image.Image], bytes]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    # As bytes: the encoder of AVIF takes the orientation out of what it is given.
    return lambda photo: encoded(photo, file_format, exif=exif.tobytes())


def _palette_with_transparency(photo: Image.Image) -> bytes:
    return encoded(photo.quantize(16), transparency=3)


def _deep_grey(photo: Image.Image) -> bytes:
    return encoded(Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257))


ODD_PICTURES: dict[str, tuple[Callable[[Image.Image], bytes], tuple[int, int]]] = {
    # (width, height) of the upright picture
    "CMYK": (lambda photo: encoded(photo.convert("CMYK"), "JPEG"), (48, 40)),
    "grey": (lambda photo: encoded(photo.convert("L"), "JPEG"), (48, 40)),
    "1 bit": (lambda photo: encoded(photo.convert("1")), (48, 40)),
    "16-bit": (_deep_grey, (48, 40)),
    "palette with transparency": (_palette_with_transparency, (48, 40)),
    "RGBA": (lambda photo: encoded(photo.convert("RGBA")), (48, 40)),
    "grey with alpha": (lambda photo: encoded(photo.convert("LA")), (48, 40)),
    "EXIF turned right": (_turned(6), (40, 48)),
    "EXIF turned left": (_turned(8, "WEBP"), (40, 48)),
    "EXIF upside down": (_turned(3, "PNG"), (48, 40)),
    "TIFF turned": (_turned(6, "TIFF"), (40, 48)),
    "animated WebP": (_animated("WEBP"), (48, 40)),
    "animated PNG": (_animated("PNG"), (48, 40)),
    "animated GIF": (_animated("GIF"), (48, 40)),
    "AVIF turned": (_turned(6, "AVIF"), (40, 48)),
    "progressive": (lambda photo: encoded(photo, "JPEG", progressive=True), (48, 40)),
    "BMP": (lambda photo: encoded(photo, "BMP"), (48, 40)),
    "TIFF, two pages": (_animated("TIFF"), (48, 40)),
    "16 x 4,000": (lambda photo: encoded(photo.resize((16, 4000))), (16, 4000)),
    "4,000 x 16": (lambda photo: encoded(photo.resize((4000, 16))), (4000, 16)),
    "16 x 16": (lambda photo: encoded(photo.resize((16, 16))), (16, 16)),
}


@pytest.mark.parametrize("route", PICTURE_ROUTES)
@pytest.mark.parametrize("case", ODD_PICTURES)
def test_an_odd_picture_gets_an_answer_of_its_upright_size(
    client: httpx.Client, photo: Image.Image, route: str, case: str
) -> None:
    make, size = ODD_PICTURES[case]
    response = post_picture(client, route, make(photo))
    assert response.status_code == 200, response.text
    with Image.open(io.BytesIO(response.content)) as answer:
        assert answer.size == size
        assert answer.mode == ("L" if route == "/confidence" else "RGB")


@pytest.mark.parametrize("route", PICTURE_ROUTES)
def test_a_form_without_a_picture_is_refused(client: httpx.Client, route: str) -> None:
    for response in (
        client.post(route),
        client.post(route, files={"photo": b"x"}),
        client.post(route, files={"image": (None, "x")}),
    ):
        assert_problem(response, 422, "image: ")
        assert response.json()["errors"][0]["pointer"] == "#/image"


@pytest.mark.parametrize("route", [*PICTURE_ROUTES, "/mesh/errors"])
def test_a_malformed_form_is_a_bad_request(client: httpx.Client, route: str) -> None:
    for content_type, body in [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--y\r\nnonsense"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1"),
    ]:
        response = client.post(route, content=body, headers={"content-type": content_type})
        assert_problem(response, 400, "cannot be read")


@pytest.mark.parametrize("route", JSON_ROUTES)
def test_malformed_json_is_a_bad_request(client: httpx.Client, route: str) -> None:
    for body in ('{"betas": [1,', "", "]", '{"betas": [1]} x', "[" * 10_000):
        response = post_json(client, route, body)
        assert_problem(response, 400 if body else 422, "the body")
    response = client.post(route, content=b'{"betas": "\xff"}', headers=JSON)
    assert_problem(response, 400, "the body")


UNUSABLE_BETAS = {
    "none": ([], "at least 1"),
    "301": ([0] * 301, "at most 300"),
    "NaN": ([0, float("nan")], "betas[1]"),
    "infinite": ([float("-inf")], "betas[0]"),
    "beyond 32 bits": ([1e300], "at most 1e+06 is allowed"),
    "huge integer": ([10**400], "betas[0]"),
    "text": (["1"], "a number is needed"),
    "boolean": ([True], "a number is needed"),
    "null": ([None], "a number is needed"),
    "nested": ([[1]], "a number is needed"),
    "a number": (1, "is 1; a list is needed"),
}


@pytest.mark.parametrize("case", UNUSABLE_BETAS)
def test_unusable_betas_are_refused_with_the_reason(client: httpx.Client, case: str) -> None:
    betas, words = UNUSABLE_BETAS[case]
    assert_problem(post_json(client, "/mesh", {"betas": betas}), 422, words)
    pair = {"predicted": {"betas": betas}, "ground_truth": {"betas": [0]}}
    assert_problem(post_json(client, "/mesh/errors", pair), 422, "predicted.betas", words)
    assert_problem(post_json(client, "/measurements", {"betas": betas}), 422, words)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"body_pose": [[0, 0, 0]] * 22}, "22 items; 23 x 3"),
        ({"body_pose": [[0, 0]] * 23}, "body_pose[0]"),
        ({"body_pose": [0] * 23}, "body_pose[0]"),
        ({"body_pose": [0] * 69}, "69 items; 23 x 3"),
        ({"global_orient": [0, 0]}, "global_orient"),
        ({"transl": [0, 0, float("inf")]}, "transl[2]"),
        ({"beta": [1]}, "beta: is not known; the object takes betas, body_pose"),
    ],
)
def test_a_wrong_pose_is_refused(
    client: httpx.Client, extra: dict[str, object], words: str
) -> None:
    assert_problem(post_json(client, "/mesh", {"betas": [0], **extra}), 422, words)


def test_a_body_that_is_no_object_is_refused(client: httpx.Client) -> None:
    for route in JSON_ROUTES:
        for body in ("[]", "1", "null", '"x"'):
            response = post_json(client, route, body)
            assert_problem(response, 422)


def test_text_that_is_no_unicode_is_refused_like_any_other(client: httpx.Client) -> None:
    for route in JSON_ROUTES:
        response = post_json(client, route, '{"betas": [1], "\\ud800": "\\udfff"}')
        assert response.status_code in (400, 422)
        assert response.json()["status"] == response.status_code
    assert_problem(client.get("/%ff%00"), 404)


def test_json_sent_as_a_form_is_refused_with_a_hint(client: httpx.Client) -> None:
    body = '{"betas": [1]}'
    form = {"content-type": "application/x-www-form-urlencoded"}
    for route in JSON_ROUTES:
        assert_problem(client.post(route, content=body, headers=form), 415, "application/json")


CORNERS = [[0, 0, 0], [0, 1, 0], [1, 0, 0]]
UNUSABLE_PAIRS: dict[str, tuple[object, str]] = {
    "one mesh": ({"predicted": {"betas": [0]}}, "ground_truth"),
    "neither betas nor vertices": (
        {"predicted": {}, "ground_truth": {"betas": [0]}},
        "either betas or vertices",
    ),
    "both": (
        {"predicted": {"betas": [0], "vertices": CORNERS}, "ground_truth": {"betas": [0]}},
        "not both",
    ),
    "posed vertices": (
        {"predicted": {"vertices": CORNERS, "transl": [0, 0, 0]}, "ground_truth": {"betas": [0]}},
        "a pose goes with betas only",
    ),
    "different numbers of vertices": (
        {"predicted": {"vertices": CORNERS}, "ground_truth": {"vertices": CORNERS[:2]}},
        "3 vertices",
    ),
    "vertices against another topology": (
        {"predicted": {"vertices": CORNERS}, "ground_truth": {"betas": [0]}},
        "same topology",
    ),
    "no vertices": ({"predicted": {"vertices": []}, "ground_truth": {"betas": [0]}}, "at least 1"),
    "flat vertices": (
        {"predicted": {"vertices": [[0, 0]]}, "ground_truth": {"betas": [0]}},
        "vertices[0]",
    ),
    "NaN vertices": (
        {"predicted": {"vertices": [[0, 0, float("nan")]]}, "ground_truth": {"betas": [0]}},
        "vertices[0][2]",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE_PAIRS)
def test_an_unusable_pair_is_refused_with_the_reason(client: httpx.Client, case: str) -> None:
    pair, words = UNUSABLE_PAIRS[case]
    assert_problem(post_json(client, "/mesh/errors", pair), 422, words)


UNUSABLE_BODIES: dict[str, tuple[object, str]] = {
    "neither betas nor vertices": ({}, "either betas or vertices"),
    "both": ({"betas": [0], "vertices": CORNERS}, "not both"),
    "a pose": ({"betas": [0], "transl": [0, 0, 0]}, "transl: is not known"),
    "another topology": ({"vertices": CORNERS}, "the topology of the body asset"),
    "no vertices": ({"vertices": []}, "at least 1"),
    "NaN vertices": ({"vertices": [[0, 0, float("nan")]]}, "vertices[0][2]"),
    "a giant": ({"betas": [1000]}, "in metres"),
}


@pytest.mark.parametrize("case", UNUSABLE_BODIES)
def test_a_body_that_cannot_be_measured_is_refused_with_the_reason(
    client: httpx.Client, case: str
) -> None:
    body, words = UNUSABLE_BODIES[case]
    assert_problem(post_json(client, "/measurements", body), 422, words)


UNUSABLE_FILES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 415, ".npy"),
    "text": (b"1 2 3", 415, ".npy"),
    "flat": (npy(np.zeros(9)), 422, "(9,)"),
    "(V, 4)": (npy(np.zeros((9, 4))), 422, "(9, 4)"),
    "no vertices": (npy(np.zeros((0, 3))), 422, "0 vertices"),
    "too many": (npy(np.zeros((50_001, 3), np.float16)), 422, "50001 vertices"),
    "text in an array": (npy(np.full((4, 3), "x")), 422, "<U1"),
    "objects": (npy(np.full((4, 3), None)), 422, "object"),
    "complex": (npy(np.zeros((4, 3), complex)), 422, "complex128"),
    "NaN": (npy(np.full((4, 3), np.nan)), 422, "not finite"),
    "truncated": (npy(np.zeros((4, 3)))[:-8], 422, "88 bytes"),
    "a header that lies": (
        npy(np.zeros((4, 3))).replace(b"(4, 3), }  ", b"(20000, 3)}"),
        422,
        "bytes",
    ),
    "a header that is none": (npy(np.zeros((4, 3))).replace(b"'descr'", b"exit(1)"), 422, "header"),
    "version 9": (b"\x93NUMPY\x09\x00v\x00", 422, "header"),
}


@pytest.mark.parametrize("case", UNUSABLE_FILES)
def test_an_unusable_mesh_file_is_refused_with_the_reason(client: httpx.Client, case: str) -> None:
    data, status, words = UNUSABLE_FILES[case]
    files = {"predicted": data, "ground_truth": npy(np.zeros((4, 3)))}
    assert_problem(client.post("/mesh/errors", files=files), status, words)


def test_mesh_files_that_are_missing_or_too_many_are_refused(client: httpx.Client) -> None:
    data = npy(np.zeros((4, 3)))
    assert_problem(client.post("/mesh/errors", files={"predicted": data}), 422, "ground_truth")
    three = {"predicted": data, "ground_truth": data, "third": data}
    assert_problem(client.post("/mesh/errors", files=three), 422, "third: ", '"predicted" (a file)')


@pytest.mark.parametrize("route", [*PICTURE_ROUTES, *MESH_ROUTES])
def test_a_type_that_an_endpoint_cannot_give_is_not_acceptable(
    client: httpx.Client, photo: Image.Image, route: str
) -> None:
    if route in PICTURE_ROUTES:
        response = post_picture(client, route, encoded(photo), "text/html")
    else:
        response = post_json(client, route, {"betas": [0]}, "text/html")
    assert_problem(
        response, 406, "text/html", "application/json" if route in MESH_ROUTES else "image/png"
    )


def test_faces_are_given_as_json_or_npy_only(client: httpx.Client) -> None:
    response = client.get("/mesh/faces", headers={"accept": "model/ply"})
    assert_problem(response, 406, "model/ply", "application/json, application/x-npy")


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
@pytest.mark.parametrize("route", [*PICTURE_ROUTES, *JSON_ROUTES])
def test_a_body_that_is_too_large_is_cut(client: httpx.Client, route: str, chunked: bool) -> None:
    body = b"[" + b"0," * 1_250_000 + b"0]"
    parts = iter([body[start : start + 65536] for start in range(0, len(body), 65536)])
    headers = {"content-type": "multipart/form-data; boundary=x", "expect": ""}
    if route in JSON_ROUTES:
        headers = JSON
    else:
        body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="p"\r\n\r\n' + body
        parts = iter([body[start : start + 65536] for start in range(0, len(body), 65536)])
    response = client.post(route, content=parts if chunked else body, headers=headers)
    assert_problem(response, 413, "65536 bytes" if route == "/mesh" else "2000000 bytes")


def test_the_same_question_gets_the_same_answer(client: httpx.Client, photo: Image.Image) -> None:
    for route in PICTURE_ROUTES:
        answers = [post_picture(client, route, encoded(photo)).content for _ in range(2)]
        assert answers[0] == answers[1]
    for accept in ("application/json", "model/gltf-binary", "model/obj", "model/ply"):
        answers = [post_json(client, "/mesh", {"betas": [1]}, accept).content for _ in range(2)]
        assert answers[0] == answers[1]
    rigged = [post_json(client, "/mesh?rig=true", {"betas": [1]}).content for _ in range(2)]
    assert rigged[0] == rigged[1]
    answers = [post_json(client, "/measurements", {"betas": [1]}).content for _ in range(2)]
    assert answers[0] == answers[1]


def test_pictures_asked_together_get_the_answers_that_they_get_alone(
    start: Callable[..., httpx.Client], tiny_silhouette: SilhouettePredictor, photo: Image.Image
) -> None:
    # As many threads: a processor is given no more pictures at once than it has.
    predictors = Predictors(silhouette=tiny_silhouette, cpu_threads=6)
    client = start(predictors, max_wait_ms=200, max_batch=6)
    pictures = [encoded(photo.rotate(60 * turn).resize((40 + turn, 50))) for turn in range(6)]

    def ask(data: bytes) -> np.ndarray:
        response = post_picture(client, "/confidence", data, "application/x-npy")
        array: np.ndarray = np.load(io.BytesIO(response.content))
        return array

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(ask, pictures))
    assert 'habitus_batch_size_bucket{le="4.0",predictor="SilhouettePredictor"} 0.0' in (
        client.get("/metrics").text
    )
    for data, answer in zip(pictures, together, strict=True):
        np.testing.assert_allclose(ask(data), answer, atol=1e-5)
    assert np.abs(together[0][:, :40] - together[3][:, :40]).max() > 1e-3


@pytest.mark.parametrize("scheme", ["", "coarse", "Fine", "fine,grouped"])
def test_a_scheme_that_there_is_not_is_refused_with_those_that_there_are(
    client: httpx.Client, photo: Image.Image, scheme: str
) -> None:
    response = post_picture(client, f"/clothing?scheme={scheme}", encoded(photo))
    assert_problem(response, 422, "scheme", "'fine' or 'grouped'")
    assert response.json()["errors"][0]["pointer"] == "#/scheme"


def test_a_capability_without_its_checkpoint_says_how_to_make_it(
    start: Callable[..., httpx.Client],
    tiny_silhouette: SilhouettePredictor,
    tiny_body: BodyPredictor,
    photo: Image.Image,
) -> None:
    client = start(Predictors(body=tiny_body))
    for route in PICTURE_ROUTES:
        slug = "clothing" if route == "/clothing" else "silhouette"
        response = post_picture(client, route, encoded(photo))
        assert_problem(response, 503, f"python -m training fit {slug}`")
    client = start(Predictors(silhouette=tiny_silhouette))
    for route in ("/mesh", "/measurements"):
        assert_problem(post_json(client, route, {"betas": [0]}), 503, "training assets body")
    assert_problem(client.get("/mesh/faces"), 503, "training assets body")
    skeleton = {"landmarks": [[[0.5, 0.5]] * 13]}
    assert_problem(post_json(client, "/synthesis", skeleton), 503, "training fit synthesis`")
    vertices = {"vertices": CORNERS}
    pair: dict[str, object] = {"predicted": vertices, "ground_truth": vertices}
    assert post_json(client, "/mesh/errors", pair).status_code == 200
    pair["predicted"] = {"betas": [0]}
    assert_problem(post_json(client, "/mesh/errors", pair), 503, "training assets body")
