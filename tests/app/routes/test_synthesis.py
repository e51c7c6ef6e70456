import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.codecs.media_types import MP4, NPY, PNG, WEBP, NotAcceptableError
from app.routes.synthesis import media_type_for
from app.schemas.synthesis import MAX_FRAMES
from model.synthesis.normalisation import Stance, normalise
from model.synthesis.predictor import Performance, SynthesisPredictor
from model.synthesis.skeletons import Skeletons
from model.video import has_video


def ask(
    client: httpx.Client, landmarks: object, query: str = "", accept: str = "*/*"
) -> httpx.Response:
    return client.post(
        f"/synthesis{query}", json={"landmarks": landmarks}, headers={"accept": accept}
    )


def frames_of(response: httpx.Response) -> np.ndarray:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == NPY
    frames: np.ndarray = np.load(io.BytesIO(response.content))
    return frames


def drawn(predictor: SynthesisPredictor, performance: Performance) -> np.ndarray:
    [result] = predictor.predict_batch([performance])
    return result.frames


def assert_alike(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_one_frame_is_a_png_of_what_the_predictor_draws(
    client: httpx.Client, tiny_synthesis: SynthesisPredictor, dancer: Skeletons
) -> None:
    response = ask(client, dancer.points[:1].tolist())
    assert response.headers["content-type"] == PNG
    with Image.open(io.BytesIO(response.content)) as picture:
        assert_alike(np.asarray(picture), drawn(tiny_synthesis, Performance(dancer.part(0, 1)))[0])


def test_many_frames_are_drawn_in_turns_as_they_would_be_at_once(
    client: httpx.Client, tiny_synthesis: SynthesisPredictor, dancer: Skeletons
) -> None:
    landmarks: list[Any] = dancer.points.tolist()
    landmarks[15] = landmarks[16] = None
    gaps = dancer.points.copy()
    gaps[15:17] = np.nan
    for method in ("conditional", "nearest"):
        response = ask(client, landmarks, f"?format=npy&person=tiny&method={method}")
        expected = drawn(tiny_synthesis, Performance(Skeletons(gaps), "tiny", method))
        assert_alike(frames_of(response), expected)


def test_a_webp_holds_every_frame_at_its_pace(
    client: httpx.Client, tiny_synthesis: SynthesisPredictor, dancer: Skeletons
) -> None:
    query = "?method=nearest&frames_per_second=20"
    response = ask(client, dancer.points.tolist(), query, WEBP)
    assert response.headers["content-type"] == WEBP
    expected = drawn(tiny_synthesis, Performance(dancer, method="nearest"))
    with Image.open(io.BytesIO(response.content)) as animation:
        assert animation.n_frames == len(dancer)
        for number in (0, 9, 23):
            animation.seek(number)
            pixels = np.asarray(animation.convert("RGB"))
            assert np.abs(pixels.astype(int) - expected[number]).mean() < 8
            animation.load()
            assert animation.info["duration"] == 50


def test_a_driver_is_brought_to_the_persons_place_where_that_is_asked_for(
    client: httpx.Client,
    tiny_synthesis: SynthesisPredictor,
    dancer: Skeletons,
) -> None:
    driver = Skeletons((dancer.points * 0.5 + 0.2).astype(np.float32))
    moved = normalise(driver, Stance.of(driver), tiny_synthesis.stance("tiny"))
    found = frames_of(ask(client, driver.points.tolist(), "?normalise=true&format=npy"))
    expected = drawn(tiny_synthesis, Performance(moved))
    assert np.abs(found.astype(int) - expected).mean() < 0.5
    as_it_is = frames_of(ask(client, driver.points.tolist(), "?format=npy"))
    assert np.abs(as_it_is.astype(int) - expected).mean() > 0.5


def test_landmarks_of_mediapipe_are_taken_with_and_without_depth(
    client: httpx.Client, tiny_synthesis: SynthesisPredictor
) -> None:
    landmarks = np.random.default_rng(0).uniform(0, 1, (2, 33, 3)).astype(np.float32)
    expected = drawn(tiny_synthesis, Performance(Skeletons.of(landmarks)))
    for sent in (landmarks, landmarks[..., :2]):
        assert_alike(frames_of(ask(client, sent.tolist(), "?format=npy")), expected)


@pytest.mark.parametrize(
    ("landmarks", "words"),
    [
        ([], "at least 1"),
        ([None], "every frame is null"),
        ([[[0.5, 0.5]] * 17], "17 x 2"),
        ([[[0.5, 0.5, 0.5]] * 13], "13 x 3"),
        ([[[0.5, 0.5]] * 13, [[0.5, 0.5]] * 33], "13 x 2 and 33 x 2"),
        ([[[0.5]] * 13], "at least 2"),
        ([[[0.5, 0.5]] * 12], "at least 13"),
        ([[["0.5", 0.5]] * 13], "number"),
        ([[[1e9, 0.5]] * 13], "1000000"),
        ([[[0.5, 0.5]] * 13] * (MAX_FRAMES + 1), str(MAX_FRAMES)),
    ],
)
def test_landmarks_that_cannot_be_used_are_refused(
    client: httpx.Client, landmarks: object, words: str
) -> None:
    response = ask(client, landmarks)
    assert response.status_code == 422
    assert words in json.dumps(response.json())


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?person=nobody", "there are tiny, other"),
        ("?person=other&method=gan", "other is drawn by drawing"),
        ("?method=best", "nearest"),
        ("?frames_per_second=0", "frames_per_second"),
        ("?normalize=true", "is no query parameter"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_there_is(
    client: httpx.Client, dancer: Skeletons, query: str, words: str
) -> None:
    response = ask(client, dancer.points[:1].tolist(), query)
    assert response.status_code == 422
    assert words in json.dumps(response.json())


def test_somebody_upside_down_cannot_be_normalised(client: httpx.Client, dancer: Skeletons) -> None:
    response = ask(client, (1 - dancer.points[:2]).tolist(), "?normalise=true")
    assert response.status_code == 422
    assert "nobody stands upright" in response.json()["detail"]


@pytest.mark.parametrize(
    ("num_frames", "accept", "name", "with_video", "expected"),
    [
        (1, None, None, True, PNG),
        (1, None, None, False, PNG),
        (2, None, None, True, MP4),
        (2, "*/*", None, False, WEBP),
        (1, MP4, None, True, MP4),
        (5, "image/webp", None, True, WEBP),
        (5, None, "npy", True, NPY),
    ],
)
def test_the_kind_of_file_follows_the_number_of_frames(
    num_frames: int, accept: str | None, name: str | None, with_video: bool, expected: str
) -> None:
    assert media_type_for(num_frames, accept, name, with_video) == expected


@pytest.mark.parametrize(
    ("num_frames", "accept", "name", "words"),
    [
        (3, MP4, None, "PyAV is not installed"),
        (3, None, "mp4", "habitus[video]"),
        (3, PNG, None, "3 frames do not fit"),
        (3, None, "png", "3 frames do not fit"),
        (1, "text/html", None, "this endpoint gives image/png"),
    ],
)
def test_a_file_that_cannot_be_given_is_refused_with_the_reason(
    num_frames: int, accept: str | None, name: str | None, words: str
) -> None:
    with pytest.raises(NotAcceptableError) as refused:
        media_type_for(num_frames, accept, name, with_video=False)
    assert words in str(refused.value)


def test_a_video_is_given_where_pyav_is_and_else_refused(
    client: httpx.Client, dancer: Skeletons
) -> None:
    response = ask(client, dancer.points.tolist(), "?format=mp4")
    if has_video():
        assert response.headers["content-type"] == MP4
        assert response.content[4:8] == b"ftyp"
    else:
        assert response.status_code == 406
        assert "PyAV is not installed" in response.json()["detail"]
