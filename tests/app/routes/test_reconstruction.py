import base64
import io
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from app.capabilities import Predictors
from app.main import create_app
from app.settings import Settings
from model.body.measurements import MEASUREMENTS
from model.body.predictor import BodyParameters, BodyPredictor
from model.clothing.predictor import ClothingPredictor
from model.reconstruction.predictor import PersonView, ReconstructionItem, ReconstructionPredictor
from model.silhouette.lite import LiteConfig, LiteSilhouette
from model.silhouette.people import Person
from model.silhouette.predictor import SilhouetteConfidence, SilhouettePredictor
from model.skeletons import COCO_17_NAMES, MEDIAPIPE_33_NAMES, OPENPOSE_18_NAMES

STANDING = {
    **{"nose": (0.5, 0.08), "left_eye": (0.53, 0.06), "right_eye": (0.47, 0.06)},
    **{"left_ear": (0.56, 0.07), "right_ear": (0.44, 0.07)},
    **{"left_shoulder": (0.7, 0.2), "right_shoulder": (0.3, 0.2)},
    **{"left_elbow": (0.8, 0.36), "right_elbow": (0.2, 0.36)},
    **{"left_wrist": (0.8, 0.5), "right_wrist": (0.2, 0.5)},
    **{"left_hip": (0.6, 0.5), "right_hip": (0.4, 0.5)},
    **{"left_knee": (0.6, 0.72), "right_knee": (0.4, 0.72)},
    **{"left_ankle": (0.6, 0.93), "right_ankle": (0.4, 0.93)},
}
"""Share of a standing person's box, of somebody who faces the camera."""
WHITE = 255


def person_in(box: Sequence[float], size: tuple[int, int]) -> Person:
    """A standing person of whom a picture of that size shows what is inside of it."""
    height, width = size
    left, top, right, bottom = box
    keypoints = np.zeros((17, 3), np.float32)
    for row, name in zip(keypoints, COCO_17_NAMES, strict=True):
        x, y = STANDING[name]
        place = left + x * (right - left), top + y * (bottom - top)
        if 0 <= place[0] < width and 0 <= place[1] < height:
            row[:] = *place, 0.9
    limits = np.array([width, height, width, height], np.float32)
    return Person(np.array(box, np.float32).clip(0, limits), 0.9, keypoints)


class Finder:
    """Knows who is in a picture by the picture's size.

    It stands for a silhouette network with the head for people: what the route does with what is
    found is tested, not the finding.
    """

    input_size = 64
    header = None
    finds_people = True
    device = "cpu"

    def __init__(self, people: dict[tuple[int, int], list[Person]], device: object) -> None:
        self.people, self.device = people, device

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        found = []
        for image in images:
            size = (image.shape[0], image.shape[1])
            people = self.people.get(size, [])
            confidence = np.zeros(size, np.float32)
            for person in people:
                left, top, right, bottom = person.box.astype(int)
                confidence[top:bottom, left:right] = image[top:bottom, left:right, 0] / WHITE
            found.append(SilhouetteConfidence(confidence, tuple(people)))
        return found


def png(size: tuple[int, int], seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(60, 256, (*size, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


SIZES = {
    "whole": (200, 120),
    "nobody": (64, 64),
    "several": (200, 300),
    "cut at the chest": (120, 160),
    "cut at the hips": (121, 160),
    "cut at the knees": (122, 160),
    "feet outside": (123, 160),
    "upside down": (201, 120),
    "300 x 900": (900, 300),
    "900 x 300": (300, 900),
    "40 px tall": (240, 320),
}
"""Size of each picture, by which the finder tells them apart."""


def people_of(case: str) -> list[Person]:
    size = SIZES[case]
    boxes: dict[str, list[tuple[float, ...]]] = {
        "whole": [(30, 10, 90, 190)],
        "nobody": [],
        "several": [(10, 60, 60, 180), (100, 10, 170, 190), (220, 50, 260, 170)],
        # The parts of a body that is 400 pixels tall.
        "cut at the chest": [(20, 10, 140, 410)],
        "cut at the hips": [(40, 10, 120, 260)],
        "cut at the knees": [(40, 10, 120, 190)],
        "feet outside": [(50, 10, 110, 145)],
        "upside down": [(30, 190, 90, 10)],
        "300 x 900": [(-40, 500, 80, 900)],
        "900 x 300": [(800, 10, 920, 290)],
        "40 px tall": [(150, 100, 165, 140)],
    }
    found = []
    for box in boxes[case]:
        person = person_in(box, size)
        if case == "upside down":
            keypoints = person.keypoints.copy()
            keypoints[:, 0] = size[1] - keypoints[:, 0]  # turned, not mirrored
            left, top, right, bottom = person.box.tolist()
            ordered = [left, min(top, bottom), right, max(top, bottom)]
            person = Person(np.array(ordered, np.float32), 0.9, keypoints)
        found.append(person)
    return found


@pytest.fixture(scope="module")
def seeing(
    tiny_body: BodyPredictor,
    tiny_clothing: ClothingPredictor,
    tiny_reconstruction: ReconstructionPredictor,
    serving: Any,
) -> Iterator[httpx.Client]:
    people = {SIZES[case]: people_of(case) for case in SIZES}
    predictors = Predictors(
        silhouette=Finder(people, tiny_body.device),
        body=tiny_body,
        clothing=tiny_clothing,
        reconstruction=tiny_reconstruction,
    )
    with serving(create_app(Settings(max_body_mb=4), load=lambda _: predictors)) as client:
        yield client


def ask(client: httpx.Client, case: str, query: str = "", **options: str) -> dict[str, Any]:
    response = client.post(f"/reconstruct{query}", files={"image": png(SIZES[case])}, data=options)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def codes(person: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in person["warnings"]]


def test_a_person_is_described_as_the_predictor_describes_them(
    seeing: httpx.Client, tiny_reconstruction: ReconstructionPredictor
) -> None:
    answer = ask(seeing, "whole", include="mesh")
    [person] = answer["people"]
    image = np.asarray(Image.open(io.BytesIO(png(SIZES["whole"]))))
    [seen] = people_of("whole")
    confidence = np.zeros(image.shape[:2], np.float32)
    confidence[10:190, 30:90] = image[10:190, 30:90, 0] / WHITE
    view = PersonView(image, seen.box, seen.keypoints, confidence)
    [[expected]] = tiny_reconstruction.predict_batch([ReconstructionItem((view,))])
    for name in ("body_pose", "global_orient", "transl", "joints", "vertices"):
        np.testing.assert_allclose(person[name], getattr(expected, name), atol=2e-4, err_msg=name)
    np.testing.assert_allclose(person["betas"]["mean"], expected.betas, atol=2e-4)
    np.testing.assert_allclose(person["betas"]["std"], expected.betas_std, atol=2e-4)
    assert list(person["measurements"]) == [row.name for row in MEASUREMENTS]
    for one in expected.measurements:
        found = person["measurements"][one.name]
        assert found["low"] <= found["value"] <= found["high"]
        assert (found["value"], found["low"], found["high"]) == pytest.approx(
            (one.value, one.low, one.high), abs=2e-5, rel=1e-4
        )
    assert (answer["height"], answer["width"]) == SIZES["whole"]
    assert [point["name"] for point in person["keypoints"]] == list(COCO_17_NAMES)
    assert codes(person) == ["scale-unknown"]
    assert answer["timing_ms"].keys() >= {"decode", "queue", "predict"}


def test_the_vertices_are_those_of_the_parameters_seen_by_the_camera(
    seeing: httpx.Client, tiny_body: BodyPredictor
) -> None:
    [person] = ask(seeing, "whole", include="mesh")["people"]
    parameters = BodyParameters(
        *(np.array(person["betas"]["mean"], np.float32),),
        *(np.array(person[name], np.float32) for name in ("body_pose", "global_orient", "transl")),
    )
    [mesh] = tiny_body.predict_batch([parameters])
    in_camera_axes = mesh.vertices * np.array([1, -1, -1])
    np.testing.assert_allclose(person["vertices"], in_camera_axes, atol=1e-3)
    assert (np.array(person["vertices"])[:, 2] > 0).all()


def test_nobody_in_the_picture_is_a_problem_that_programs_can_tell(seeing: httpx.Client) -> None:
    response = seeing.post("/reconstruct", files={"image": png(SIZES["nobody"])})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["code"], problem["type"]) == ("no-person", "/problems/no-person")
    assert "nobody was found" in problem["detail"]


def test_of_several_people_the_largest_is_taken_or_all_where_asked(seeing: httpx.Client) -> None:
    [largest] = ask(seeing, "several")["people"]
    assert largest["box"] == [100, 10, 170, 190]
    everybody = ask(seeing, "several", people="all")["people"]
    boxes = [person["box"] for person in everybody]
    assert boxes == [[100, 10, 170, 190], [10, 60, 60, 180], [220, 50, 260, 170]]
    np.testing.assert_allclose(everybody[0]["joints"], largest["joints"], atol=2e-4)
    assert everybody[1]["joints"] != everybody[0]["joints"]


@pytest.mark.parametrize(
    ("case", "code", "parts"),
    [
        ("cut at the chest", "cut-at-chest", ["left hip", "right ankle"]),
        ("cut at the hips", "cut-at-hip", ["left hip", "right ankle"]),
        ("cut at the knees", "cut-at-knee", ["left knee", "right ankle"]),
        ("feet outside", "feet-outside", ["left ankle", "right ankle"]),
    ],
)
def test_a_person_who_is_cut_is_answered_with_the_hidden_parts_named_and_less_certainty(
    seeing: httpx.Client, case: str, code: str, parts: list[str]
) -> None:
    [person] = ask(seeing, case)["people"]
    assert codes(person) == ["scale-unknown", code]
    detail = person["warnings"][1]["detail"]
    for part in parts:
        assert part in detail
    assert "left shoulder" not in detail
    # The same picture with all keypoints seen says the same of betas, but more surely.
    whole = [[60, 60, 0.9]] * 17
    [seen] = ask(seeing, case, keypoints=json.dumps(whole))["people"]
    assert np.mean(person["betas"]["std"]) > np.mean(seen["betas"]["std"])


def test_an_upside_down_person_is_answered_with_a_warning(seeing: httpx.Client) -> None:
    [person] = ask(seeing, "upside down")["people"]
    assert codes(person) == ["scale-unknown", "upside-down"]


@pytest.mark.parametrize("case", ["300 x 900", "900 x 300"])
def test_a_person_at_the_edge_of_a_narrow_picture_gets_a_body_there(
    seeing: httpx.Client, case: str
) -> None:
    [person] = ask(seeing, case, include="mesh")["people"]
    height, width = SIZES[case]
    left, top, right, bottom = person["box"]
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert np.isfinite(person["vertices"]).all()
    joints = np.array(person["joints"])
    centre = np.array(person["camera"]["centre_px"])
    assert tuple(centre) == (width / 2, height / 2)
    pelvis = person["camera"]["focal_px"] * joints[0, :2] / joints[0, 2] + centre
    # A drawn network answers near the middle of the crop, which is around the box.
    middle = np.array([left + right, top + bottom]) / 2
    assert np.abs(pelvis - middle).max() < 0.7 * max(right - left, bottom - top)


def test_a_person_of_forty_pixels_is_answered_with_a_warning(seeing: httpx.Client) -> None:
    [person] = ask(seeing, "40 px tall")["people"]
    assert codes(person) == ["scale-unknown", "small"]
    assert "40 pixels" in person["warnings"][1]["detail"]


def test_a_known_height_is_the_height_and_a_larger_one_gives_a_taller_body(
    seeing: httpx.Client,
) -> None:
    heights = []
    for height in (1.5, 1.6, 1.7, 1.8, 1.9, 2.0):
        [person] = ask(seeing, "whole", height_m=str(height))["people"]
        assert codes(person) == []
        heights.append(person["measurements"]["height"]["value"])
        assert heights[-1] == pytest.approx(height, abs=2e-3)
    assert heights == sorted(heights)


def test_a_refined_body_is_another_one_that_is_as_tall_as_was_said(seeing: httpx.Client) -> None:
    [plain] = ask(seeing, "whole", height_m="1.8")["people"]
    [refined] = ask(seeing, "whole", height_m="1.8", refine="true")["people"]
    assert refined["body_pose"] != plain["body_pose"]
    assert refined["measurements"]["height"]["value"] == pytest.approx(1.8, abs=2e-3)
    # What it was fitted to is nearer than before: the keypoints.
    assert refined["keypoints"] == plain["keypoints"]

    def misses(person: dict[str, Any]) -> float:
        """Pixels from shoulders, elbows and wrists as they are seen to the body's joints."""
        joints = dict(zip(person["joint_names"], np.array(person["joints"]), strict=True))
        camera = person["camera"]
        distances = []
        for point in person["keypoints"]:
            if point["name"].partition("_")[2] in ("shoulder", "elbow", "wrist"):
                x, y, z = joints[point["name"]]
                seen = np.array([x, y]) * camera["focal_px"] / z + camera["centre_px"]
                distances.append(np.linalg.norm(seen - [point["x"], point["y"]]))
        return float(np.mean(distances))

    assert misses(refined) < misses(plain)


def test_photos_of_one_person_share_the_shape_and_keep_their_poses(seeing: httpx.Client) -> None:
    files = [("image", png(SIZES[case])) for case in ("whole", "300 x 900", "900 x 300")]
    response = seeing.post("/reconstruct", files=files, data={"same_person": "true"})
    assert response.status_code == 200, response.text
    answer = response.json()
    people = answer["people"]
    assert [person["photo"] for person in people] == [0, 1, 2]
    assert people[0]["betas"] == people[1]["betas"] == people[2]["betas"]
    assert people[0]["measurements"] == people[2]["measurements"]
    assert people[0]["body_pose"] != people[1]["body_pose"]
    assert [(photo["height"], photo["width"]) for photo in answer["photos"]] == [
        SIZES["whole"],
        SIZES["300 x 900"],
        SIZES["900 x 300"],
    ]
    alone = ask(seeing, "whole")["people"][0]
    assert np.mean(people[0]["betas"]["std"]) < np.mean(alone["betas"]["std"])


def test_the_ways_to_send_a_photo_and_options_get_the_same_answer(seeing: httpx.Client) -> None:
    data = png(SIZES["whole"])
    text = base64.b64encode(data).decode()
    answers = [
        seeing.post("/reconstruct", files={"image": data}, data={"height_m": "1.8"}),
        seeing.post("/reconstruct?height_m=1.8", files={"image": data}),
        seeing.post("/reconstruct", json={"image": text, "height_m": 1.8}),
        seeing.post("/reconstruct", json={"image": [text], "height_m": 1.8}),
        seeing.post(
            "/reconstruct?height_m=1.8", content=data, headers={"content-type": "image/png"}
        ),
    ]
    assert [answer.status_code for answer in answers] == [200] * 5, answers[-1].text
    assert answers[0].json()["people"][0]["measurements"]["height"]["value"] > 1.79
    assert all(answer.json()["people"] == answers[0].json()["people"] for answer in answers)


def skeleton_of(names: Sequence[str], person: Person) -> list[list[float]]:
    places = dict(zip(COCO_17_NAMES, person.keypoints.tolist(), strict=True))
    return [places.get(name, [0, 0, 0]) for name in names]


def test_keypoints_of_any_skeleton_take_the_place_of_those_found(seeing: httpx.Client) -> None:
    person = person_in((40, 20, 80, 180), SIZES["whole"])
    coco = skeleton_of(COCO_17_NAMES, person)
    openpose = {
        "version": 1.3,
        "people": [
            {"pose_keypoints_2d": np.ravel(skeleton_of(OPENPOSE_18_NAMES, person)).tolist()}
        ],
    }
    answers = [
        ask(seeing, "whole", keypoints=json.dumps(value))["people"]
        for value in (coco, [coco], openpose, skeleton_of(MEDIAPIPE_33_NAMES, person))
    ]
    assert answers[0] == answers[1] == answers[2] == answers[3]
    [found] = ask(seeing, "whole")["people"]
    assert answers[0][0]["keypoints"] != found["keypoints"]
    assert answers[0][0]["box"] == found["box"]  # the same person's, which the network saw better


def test_keypoints_need_no_network_that_finds_people(
    client: httpx.Client, every_capability: Predictors
) -> None:
    data = png(SIZES["whole"])
    refused = client.post("/reconstruct", files={"image": data})
    assert refused.status_code == 503
    assert "does not look for people" in refused.json()["detail"]
    keypoints = skeleton_of(COCO_17_NAMES, person_in((30, 10, 90, 190), SIZES["whole"]))
    answer = client.post(
        "/reconstruct", files={"image": data}, data={"keypoints": json.dumps(keypoints)}
    )
    assert answer.status_code == 200, answer.text
    left, top, right, bottom = answer.json()["people"][0]["box"]
    assert left < 42
    assert right > 78
    assert top < 21
    assert bottom > 177
    nobody = client.post(
        "/reconstruct", files={"image": data}, data={"keypoints": json.dumps([[0, 0, 0]] * 17)}
    )
    assert nobody.json()["code"] == "no-person"


def test_what_is_included_is_what_the_other_endpoints_say(seeing: httpx.Client) -> None:
    answer = ask(seeing, "whole", include="confidence,clothing")
    files = {"image": png(SIZES["whole"])}
    assert base64.b64decode(answer["confidence_png_base64"]) == (
        seeing.post("/confidence", files=files).content
    )
    assert answer["clothing"] == seeing.post("/clothing?format=json", files=files).json()
    assert "vertices" not in answer["people"][0]
    plain = ask(seeing, "whole")
    assert "confidence_png_base64" not in plain
    assert "clothing" not in plain


def test_arrays_are_those_of_the_json(seeing: httpx.Client) -> None:
    answer = ask(seeing, "several", people="all", include="mesh")
    response = seeing.post(
        "/reconstruct?format=npz",
        files={"image": png(SIZES["several"])},
        data={"people": "all", "include": "confidence"},
    )
    with np.load(io.BytesIO(response.content)) as arrays:
        for name in ("vertices", "joints", "transl", "body_pose", "box"):
            expected = [person[name] for person in answer["people"]]
            np.testing.assert_allclose(arrays[name], expected, atol=2e-4, err_msg=name)
        assert arrays["measurements"].shape == (3, len(MEASUREMENTS), 3)
        assert arrays["faces"].max() < arrays["vertices"].shape[1]
        assert arrays["confidence_0"].shape == SIZES["several"]


def test_a_rigged_file_shows_the_persons_shape_in_their_pose(seeing: httpx.Client) -> None:
    [person] = ask(seeing, "whole")["people"]
    data = seeing.post("/reconstruct?format=glb", files={"image": png(SIZES["whole"])}).content
    assert data[:4] == b"glTF"
    length = struct.unpack("<I", data[12:16])[0]
    document = json.loads(data[20 : 20 + length])
    [mesh] = document["meshes"]
    np.testing.assert_allclose(mesh["extras"]["betas"], person["betas"]["mean"], atol=2e-4)
    [skin] = document["skins"]
    assert len(skin["joints"]) == 24
    pelvis = document["nodes"][skin["skeleton"]]
    angle = 2 * np.arccos(min(1.0, abs(pelvis["rotation"][3])))
    assert angle == pytest.approx(np.linalg.norm(person["global_orient"]), abs=1e-3)


def test_the_overlay_changes_the_photo_where_the_body_is_and_nowhere_else(
    seeing: httpx.Client,
) -> None:
    [person] = ask(seeing, "whole", include="mesh")["people"]
    data = png(SIZES["whole"])
    response = seeing.post("/reconstruct?format=png", files={"image": data})
    drawn = np.asarray(Image.open(io.BytesIO(response.content)))
    photo = np.asarray(Image.open(io.BytesIO(data)))
    assert drawn.shape == photo.shape
    vertices = np.array(person["vertices"])
    places = vertices[:, :2] * person["camera"]["focal_px"] / vertices[:, 2:]
    x, y = (places + person["camera"]["centre_px"]).T
    changed = (drawn != photo).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert rows.min() >= np.floor(y.min()) - 1
    assert columns.max() <= np.ceil(x.max()) + 1
    inside = (x > 1) & (x < photo.shape[1] - 1) & (y > 1) & (y < photo.shape[0] - 1)
    assert inside.any()
    assert changed[y[inside].astype(int), x[inside].astype(int)].mean() > 0.8


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a giant": ({"data": {"height_m": "2.4"}}, "height_m: is 2.4; at most 2.3 is allowed"),
    "a height in centimetres": ({"data": {"height_m": "175"}}, "at most 2.3 is allowed"),
    "no number": ({"data": {"weight_kg": "heavy"}}, 'weight_kg: is "heavy"; a number is needed'),
    "not a number": ({"data": {"weight_kg": "nan"}}, "weight_kg"),
    "two heights": ({"data": {"height_m": ["1.7", "1.8"]}}, "height_m: is given twice"),
    "another option": ({"data": {"size": "2"}}, "size: is not known as text; a form takes height"),
    "16 keypoints": (
        {"data": {"keypoints": json.dumps([[1, 1, 1]] * 16)}},
        "keypoints: a person has 16 keypoints; 17, 18, 25, 33 are known",
    ),
    "a score of two": (
        {"data": {"keypoints": json.dumps([[1, 1, 2]] * 17)}},
        "keypoint 0 has the score 2; 0 to 1 are allowed",
    ),
    "keypoints that are no JSON": ({"data": {"keypoints": "[[1, 2"}}, "keypoints: is not JSON"),
    "everybody who is one": (
        {"data": {"people": "all", "same_person": "true"}},
        "people: is",
    ),
    "some people": ({"data": {"people": "some"}}, "'largest' or 'all' is needed"),
    "an extra that there is not": ({"data": {"include": "hair"}}, "'confidence', 'clothing' or"),
    "perhaps": ({"data": {"refine": "perhaps"}}, "refine: is"),
    "two photos of two people": (
        {"files": [("image", b"x"), ("image", b"x")]},
        "several need same_person=true",
    ),
    "another file": ({"files": {"photo": b"x"}}, "photo: is a file; the one file part is `image`"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_used_is_refused_with_what_arrived(seeing: httpx.Client, case: str) -> None:
    request, words = WRONG[case]
    data = png(SIZES["whole"])
    if request.get("files", {}) and isinstance(request["files"], list):
        files: Any = [(name, data) for name, _ in request["files"]]
    else:
        files = request.get("files", {"image": data})
    response = seeing.post("/reconstruct", files=files, data=request.get("data"))
    assert response.status_code == 422, response.text
    assert words in response.json()["detail"]


def test_a_format_that_cannot_hold_what_is_asked_for_is_refused(seeing: httpx.Client) -> None:
    two = [("image", png(SIZES["whole"])), ("image", png(SIZES["300 x 900"]))]
    response = seeing.post("/reconstruct?format=png&same_person=true", files=two)
    assert response.status_code == 422
    assert "image/png shows one photo, and 2 were sent" in response.json()["detail"]
    keypoints = json.dumps([[1, 1, 1]] * 17)
    response = seeing.post(
        "/reconstruct?same_person=true", files=two, data={"keypoints": keypoints}
    )
    assert "keypoints: are 1 sets for 2 pictures" in response.json()["detail"]
    response = seeing.post("/reconstruct?format=glb&people=all", files=two[:1])
    assert "model/gltf-binary holds one body" in response.json()["detail"]


def test_an_option_is_given_once(seeing: httpx.Client) -> None:
    files = {"image": png(SIZES["whole"])}
    response = seeing.post("/reconstruct?height_m=1.7", files=files, data={"height_m": "1.8"})
    assert response.status_code == 422
    assert "in the query and in the body" in response.json()["detail"]
    text = base64.b64encode(files["image"]).decode()
    response = seeing.post("/reconstruct?height_m=1.7", json={"image": text, "height_m": 1.8})
    assert "in the query and in the body" in response.json()["detail"]


def test_without_a_part_that_it_needs_the_endpoint_says_how_to_make_it(
    start: Callable[..., httpx.Client],
    tiny_silhouette: SilhouettePredictor,
    tiny_reconstruction: ReconstructionPredictor,
) -> None:
    files = {"image": png(SIZES["whole"])}
    client = start(Predictors(silhouette=tiny_silhouette))
    response = client.post("/reconstruct", files=files)
    assert (response.status_code, "training fit reconstruction" in response.text) == (503, True)
    client = start(Predictors(reconstruction=tiny_reconstruction))
    response = client.post("/reconstruct", files=files)
    assert (response.status_code, "training fit silhouette" in response.text) == (503, True)


@pytest.fixture(scope="module")
def drawn_finder() -> SilhouettePredictor:
    """A drawn network with the head for people, which takes any place for somebody's middle."""
    torch.manual_seed(0)
    network = LiteSilhouette(LiteConfig(0, (8, 8, 8, 8), head_width=8)).eval()
    assert network.people is not None
    with torch.no_grad():
        output = network.people[-1]
        output.bias[:18] = 3.0  # keypoints and centres
        output.weight[:18].normal_(0, 0.3)
    return SilhouettePredictor(network, input_size=64, dtype=torch.float32)


def test_the_people_of_a_silhouette_network_are_those_that_are_reconstructed(
    start: Callable[..., httpx.Client],
    drawn_finder: SilhouettePredictor,
    tiny_reconstruction: ReconstructionPredictor,
) -> None:
    client = start(Predictors(silhouette=drawn_finder, reconstruction=tiny_reconstruction))
    files = {"image": png((80, 64))}
    seen = client.post("/confidence?format=json", files=files).json()["people"]
    assert seen
    answer = client.post("/reconstruct", files=files, data={"people": "all"})
    assert answer.status_code == 200, answer.text
    found = answer.json()["people"]

    def area(person: dict[str, Any]) -> float:
        left, top, right, bottom = person["box"]
        return float((right - left) * (bottom - top))

    assert sorted(map(area, found)) == pytest.approx(sorted(map(area, seen)), rel=1e-3)
    assert [area(person) for person in found] == sorted(map(area, found), reverse=True)
    keypoints = {json.dumps(person["keypoints"]) for person in seen}
    assert {json.dumps(person["keypoints"]) for person in found} == keypoints
