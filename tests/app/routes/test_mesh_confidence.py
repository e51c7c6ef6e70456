import base64
import io
import json
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.capabilities import Predictors
from app.main import create_app
from app.settings import Settings
from model.body.predictor import BodyPredictor
from model.mesh_confidence.colours import trust_colours
from model.mesh_confidence.features import MeshObservation
from model.mesh_confidence.joints import JOINT_NAMES, to_joints
from model.mesh_confidence.predictor import MeshConfidence, MeshConfidencePredictor
from model.reconstruction.predictor import ReconstructionPredictor
from model.silhouette.people import Person
from model.silhouette.predictor import SilhouetteConfidence

JSON = {"content-type": "application/json"}
NPZ = {"content-type": "application/x-npz"}
SIZE = (200, 120)


class Finder:
    """Finds one person with all keypoints in every picture but black ones."""

    input_size = 64
    header = None
    finds_people = True

    def __init__(self, device: object) -> None:
        self.device = device

    def predict_batch(self, images: Any) -> list[SilhouetteConfidence]:
        found = []
        for image in images:
            height, width = image.shape[:2]
            box = np.array([0.2 * width, 0.05 * height, 0.8 * width, 0.95 * height], np.float32)
            places = np.random.default_rng(0).uniform(0.2, 0.8, (17, 2)) * [width, height]
            keypoints = np.column_stack([places, np.full(17, 0.9)]).astype(np.float32)
            confidence = np.zeros((height, width), np.float32)
            confidence[:, width // 4 :] = 0.9
            people = () if image.max() == 0 else (Person(box, 0.9, keypoints),)
            found.append(SilhouetteConfidence(confidence, people))
        return found


@pytest.fixture(scope="module")
def seeing(
    tiny_body: BodyPredictor,
    tiny_reconstruction: ReconstructionPredictor,
    tiny_mesh_confidence: MeshConfidencePredictor,
    serving: Any,
) -> Iterator[httpx.Client]:
    predictors = Predictors(
        silhouette=Finder(tiny_body.device),
        body=tiny_body,
        reconstruction=tiny_reconstruction,
        mesh_confidence=tiny_mesh_confidence,
    )
    with serving(create_app(Settings(max_body_mb=2), load=lambda _: predictors)) as client:
        yield client


def png(black: bool = False) -> bytes:
    pixels = np.random.default_rng(0).integers(60, 256, (*SIZE, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels * (not black)).save(buffer, "PNG")
    return buffer.getvalue()


def joints(number: int = 14, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    projected = generator.uniform(20, 200, (number, 2)).astype(np.float32)
    detected = np.column_stack(
        [projected + generator.normal(0, 4, (number, 2)), np.full(number, 0.9)]
    )
    return projected, detected.astype(np.float32)


def post_joints(client: httpx.Client, **fields: Any) -> httpx.Response:
    return client.post("/mesh/confidence", content=json.dumps(fields), headers=JSON)


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def expected(
    judge: MeshConfidencePredictor, projected: np.ndarray, detected: np.ndarray
) -> MeshConfidence:
    mesh, points = to_joints(projected[None], "p")[0], to_joints(detected[None], "d")[0]
    return judge.predict_batch([MeshObservation(mesh, points)])[0]


def assert_judged(found: dict[str, Any], wanted: MeshConfidence) -> None:
    assert found["mesh"] == pytest.approx(wanted.mesh, abs=1e-5)
    assert found["good"] == (wanted.mesh > 0.5)
    assert list(found["joints"]) == list(JOINT_NAMES)
    for one, trust, worst in zip(
        found["joints"].values(), wanted.joints, wanted.worst, strict=True
    ):
        assert one["trust"] == pytest.approx(float(trust), abs=1e-5)
        assert one["worst"] == pytest.approx(float(worst), abs=1e-5)


@pytest.mark.parametrize("number", [14, 17, 18, 24, 25, 33, 44, 49])
def test_the_mesh_of_any_regressor_is_judged(
    client: httpx.Client, tiny_mesh_confidence: MeshConfidencePredictor, number: int
) -> None:
    projected, detected = joints(number)
    response = post_joints(client, projected=projected.tolist(), detected=detected.tolist())
    assert response.status_code == 200, response.text
    answer = response.json()
    assert_judged(answer["meshes"][0], expected(tiny_mesh_confidence, projected, detected))
    assert answer["legend"][0] == {"trust": 0, "colour": "#440154"}


def test_a_mesh_and_a_detector_may_have_different_skeletons(
    client: httpx.Client, tiny_mesh_confidence: MeshConfidencePredictor
) -> None:
    projected, _ = joints(24)
    _, detected = joints(25, seed=1)
    response = post_joints(client, projected=projected.tolist(), detected=detected.tolist())
    wanted = expected(tiny_mesh_confidence, projected, detected)
    assert_judged(response.json()["meshes"][0], wanted)


def test_arrays_of_several_meshes_give_what_each_gives_alone(client: httpx.Client) -> None:
    pairs = [joints(seed=seed) for seed in range(3)]
    data = npz(projected=np.stack([p for p, _ in pairs]), detected=np.stack([d for _, d in pairs]))
    response = client.post("/mesh/confidence", content=data, headers=NPZ)
    assert response.status_code == 200, response.text
    found = response.json()["meshes"]
    for one, (projected, detected) in zip(found, pairs, strict=True):
        alone = post_joints(client, projected=projected.tolist(), detected=detected.tolist())
        assert one["mesh"] == pytest.approx(alone.json()["meshes"][0]["mesh"], abs=1e-5)
    single = npz(projected=pairs[0][0], detected=pairs[0][1])
    response = client.post("/mesh/confidence", content=single, headers=NPZ)
    assert response.json()["meshes"][0]["mesh"] == pytest.approx(found[0]["mesh"], abs=1e-5)


def test_a_crop_changes_the_unit_of_errors(client: httpx.Client) -> None:
    projected, detected = joints()
    fields = {"projected": projected.tolist(), "detected": detected.tolist()}
    small = post_joints(client, **fields, crop={"centre": [112, 112], "side": 100}).json()
    large = post_joints(client, **fields, crop={"centre": [112, 112], "side": 400}).json()
    assert small["meshes"][0]["mesh"] != pytest.approx(large["meshes"][0]["mesh"], abs=1e-6)
    data = npz(projected=projected, detected=detected, crop=np.array([112.0, 112, 100]))
    response = client.post("/mesh/confidence", content=data, headers=NPZ).json()
    assert response["meshes"][0]["mesh"] == pytest.approx(small["meshes"][0]["mesh"], abs=1e-5)


BAD_JSON: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "either image, or projected and detected"),
    "no keypoints": ({"projected": [[0, 0]] * 14}, "either image, or projected and detected"),
    "13 points": ({"projected": [[0, 0]] * 13, "detected": [[0, 0, 1]] * 14}, "at least 14"),
    "16 points": ({"projected": [[0, 0]] * 16, "detected": [[0, 0, 1]] * 14}, "16 points"),
    "no score": ({"projected": [[0, 0]] * 14, "detected": [[0, 0]] * 14}, "detected[0]"),
    "a score of 2": ({"projected": [[0, 1]] * 14, "detected": [[0, 0, 2]] * 14}, "score 2"),
    "text": ({"projected": [["0", 0]] * 14, "detected": [[0, 0, 1]] * 14}, "a number is needed"),
    "one place": ({"projected": [[5, 5]] * 14, "detected": [[0, 0, 1]] * 14}, "at one place"),
    "unknown": ({"betas": [0]}, "betas: is not known"),
    "an empty crop": (
        {
            "projected": [[n, n] for n in range(14)],
            "detected": [[0, 0, 1]] * 14,
            "crop": {"centre": [0, 0], "side": 0},
        },
        "crop.side",
    ),
    "both": (
        {"image": "x", "projected": [[0, 0]] * 14, "detected": [[0, 0, 1]] * 14},
        "image goes without",
    ),
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_unusable_joints_are_refused_with_the_reason(client: httpx.Client, case: str) -> None:
    fields, words = BAD_JSON[case]
    response = post_joints(client, **fields)
    assert response.status_code == 422, response.text
    assert words in response.json()["detail"]


PROJECTED, DETECTED = joints()
BAD_NPZ: dict[str, tuple[bytes, int, str]] = {
    "no archive": (b"hello", 415, "no NPZ file"),
    "a missing array": (npz(projected=PROJECTED), 422, "detected is needed"),
    "an unknown array": (
        npz(projected=PROJECTED, detected=DETECTED, other=PROJECTED),
        422,
        "'other', which is not known",
    ),
    "three columns": (npz(projected=DETECTED, detected=DETECTED), 422, "(N, K, 2)"),
    "16 points": (npz(projected=PROJECTED[:0], detected=DETECTED), 422, "(N, K, 2)"),
    "objects": (npz(projected=PROJECTED.astype(object), detected=DETECTED), 422, "object"),
    "not finite": (npz(projected=PROJECTED * np.nan, detected=DETECTED), 422, "not finite"),
    "different numbers": (
        npz(projected=np.stack([PROJECTED] * 2), detected=np.stack([DETECTED] * 3)),
        422,
        "2 and 3 meshes",
    ),
    "a negative score": (npz(projected=PROJECTED, detected=-DETECTED), 422, "negative score"),
}


@pytest.mark.parametrize("case", BAD_NPZ)
def test_unusable_arrays_are_refused_with_the_reason(client: httpx.Client, case: str) -> None:
    data, status, words = BAD_NPZ[case]
    response = client.post("/mesh/confidence", content=data, headers=NPZ)
    assert response.status_code == status, response.text
    assert words in response.json()["detail"]


def test_an_array_whose_header_claims_terabytes_is_refused(client: httpx.Client) -> None:
    header = str({"descr": "<f4", "fortran_order": False, "shape": (1000, 49, 2)}).encode()
    header = header.ljust(117) + b"\n"
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("projected.npy", member)
        archive.writestr("detected.npy", member)
    response = client.post("/mesh/confidence", content=buffer.getvalue(), headers=NPZ)
    assert response.status_code == 422
    assert "holds 0 bytes" in response.json()["detail"]


def test_a_picture_of_a_person_is_judged_as_reconstruct_judges_it(seeing: httpx.Client) -> None:
    judged = seeing.post("/mesh/confidence", files={"image": png()})
    assert judged.status_code == 200, judged.text
    (mesh,) = judged.json()["meshes"]
    person = seeing.post("/reconstruct", files={"image": png()}).json()["people"][0]
    assert person["trust"]["mesh"] == pytest.approx(mesh["mesh"], abs=1e-3)
    for name, trust in person["trust"]["joints"].items():
        assert trust == pytest.approx(mesh["joints"][name]["trust"], abs=1e-3)
    raw = seeing.post("/mesh/confidence", content=png(), headers={"content-type": "image/png"})
    assert raw.json()["meshes"][0]["mesh"] == pytest.approx(mesh["mesh"], abs=1e-5)


def test_keypoints_of_the_client_take_the_place_of_the_networks(
    client: httpx.Client, seeing: httpx.Client
) -> None:
    picture = base64.b64encode(png()).decode()
    rows = np.random.default_rng(1).uniform(20, 100, (17, 2))
    keypoints = np.column_stack([rows, np.full(17, 0.9)]).tolist()
    body = json.dumps({"image": picture, "keypoints": keypoints})
    # The first server's network has no head for people.
    for one in (client, seeing):
        response = one.post("/mesh/confidence", content=body, headers=JSON)
        assert response.status_code == 200, response.text
    own = seeing.post("/mesh/confidence", files={"image": png()}).json()
    assert own["meshes"][0]["mesh"] != pytest.approx(response.json()["meshes"][0]["mesh"], abs=1e-6)
    response = post_joints(client, keypoints=keypoints)
    assert "keypoints go with image" in response.json()["detail"]


def test_nobody_in_the_picture_is_said_with_a_code(seeing: httpx.Client) -> None:
    response = seeing.post("/mesh/confidence", files={"image": png(black=True)})
    assert response.status_code == 422
    assert response.json()["type"].endswith("no-person")


def glb_colours(data: bytes) -> np.ndarray:
    """COLOR_0 of the one mesh of a GLB."""
    length = struct.unpack("<I", data[12:16])[0]
    document = json.loads(data[20 : 20 + length])
    binary = data[20 + length + 8 :]
    number = document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]
    view = document["bufferViews"][document["accessors"][number]["bufferView"]]
    part = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    return np.frombuffer(part, "<f4").reshape(-1, 3)


@pytest.mark.parametrize(
    "route", ["/mesh/confidence?format=glb", "/reconstruct?format=glb&colour=trust"]
)
def test_the_mesh_is_coloured_by_trust(
    seeing: httpx.Client, tiny_body: BodyPredictor, route: str
) -> None:
    response = seeing.post(route, files={"image": png()})
    assert response.status_code == 200, response.text
    colours = glb_colours(response.content)
    assert len(colours) == len(tiny_body.part_labels)
    trust = seeing.post("/mesh/confidence", files={"image": png()}).json()["meshes"][0]["joints"]
    # A vertex that the left knee moves alone.
    labels = tiny_body.part_labels
    knee = np.flatnonzero(labels == 4)[0]
    srgb = trust_colours(np.array([trust["left_knee"]["trust"]]))[0] / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(colours[knee], linear, atol=0.01)


def test_the_picture_of_the_mesh_has_a_legend(seeing: httpx.Client) -> None:
    response = seeing.post("/mesh/confidence?format=png", files={"image": png()})
    assert response.headers["content-type"] == "image/png"
    drawn = np.asarray(Image.open(io.BytesIO(response.content)))
    assert drawn.shape == (*SIZE, 3)
    row = drawn[SIZE[0] - 8 - 5, 8 : 8 + 64]
    np.testing.assert_array_equal(row[[0, -1]], trust_colours(np.array([0.0, 1.0])))


def test_joints_have_no_mesh_to_show(client: httpx.Client) -> None:
    fields = {"projected": PROJECTED.tolist(), "detected": DETECTED.tolist()}
    for name in ("glb", "png"):
        response = client.post(
            f"/mesh/confidence?format={name}", content=json.dumps(fields), headers=JSON
        )
        assert response.status_code == 422
        assert "joints have none" in response.json()["detail"]


def test_colours_need_a_format_that_shows_them(seeing: httpx.Client) -> None:
    response = seeing.post("/reconstruct?colour=trust", files={"image": png()})
    assert response.status_code == 422
    assert "has no colours" in response.json()["detail"]


def test_without_the_checkpoint_reconstruct_answers_without_trust(
    tiny_body: BodyPredictor, tiny_reconstruction: ReconstructionPredictor, start: Any
) -> None:
    client = start(
        Predictors(
            silhouette=Finder(tiny_body.device), body=tiny_body, reconstruction=tiny_reconstruction
        )
    )
    person = client.post("/reconstruct", files={"image": png()}).json()["people"][0]
    assert person.get("trust") is None
    for route in ("/reconstruct?format=glb&colour=trust", "/mesh/confidence"):
        response = client.post(route, files={"image": png()})
        assert response.status_code == 503
        assert "python -m training fit mesh_confidence" in response.json()["detail"]


def test_a_silhouette_network_that_finds_nobody_ever_is_named(client: httpx.Client) -> None:
    # The tiny hourglass has no head for people.
    response = client.post("/mesh/confidence", files={"image": png()})
    assert response.status_code == 503
    assert "does not look for people" in response.json()["detail"]
