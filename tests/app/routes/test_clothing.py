import base64
import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app.routes.clothing import OPACITY
from app.schemas.clothing import ClothingMap
from model.clothing.labels import FINE, GROUPED, LabelScheme
from model.clothing.predictor import ClothingPredictor


@pytest.fixture(scope="module")
def upload(photo: Image.Image) -> dict[str, bytes]:
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    return {"image": buffer.getvalue()}


def ask(client: httpx.Client, upload: dict[str, bytes], scheme: str, accept: str) -> httpx.Response:
    response = client.post(f"/clothing{scheme}", files=upload, headers={"accept": accept})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == accept
    assert response.headers["vary"] == "Accept"
    return response


@pytest.mark.parametrize(
    ("query", "scheme"), [("", GROUPED), ("?scheme=grouped", GROUPED), ("?scheme=fine", FINE)]
)
def test_every_format_says_what_the_predictor_says(
    client: httpx.Client,
    tiny_clothing: ClothingPredictor,
    photo: Image.Image,
    upload: dict[str, bytes],
    query: str,
    scheme: LabelScheme,
) -> None:
    pixels = np.asarray(photo)
    [found] = tiny_clothing.predict_batch([pixels])
    ids = found.fine if scheme is FINE else found.grouped
    scores = found.fine_score if scheme is FINE else found.grouped_score
    assert len(np.unique(ids)) > 2

    array = np.load(io.BytesIO(ask(client, upload, query, "application/x-npy").content))
    assert array.dtype == np.uint8
    # Where two labels are as probable, the rounding of the server's threads may decide.
    assert (array == ids).mean() > 0.999
    ids = array
    with Image.open(io.BytesIO(ask(client, upload, query, "image/png").content)) as picture:
        shaded = (1 - OPACITY) * pixels + OPACITY * scheme.colours[ids]
        expected = np.where(ids[..., None], shaded, pixels)
        # The opacity is rounded to 255ths, and a pixel to a whole number.
        assert np.abs(np.asarray(picture) - expected).max() <= 1
        np.testing.assert_array_equal(np.asarray(picture)[ids == 0], pixels[ids == 0])

    answer = ask(client, upload, query, "application/json").json()
    assert (answer["height"], answer["width"]) == ids.shape
    assert answer["scheme"] == scheme.name
    with Image.open(io.BytesIO(base64.b64decode(answer["map_png_base64"]))) as grey:
        assert grey.mode == "L"
        np.testing.assert_array_equal(np.asarray(grey), ids)
    assert [entry["id"] for entry in answer["palette"]] == list(range(len(scheme)))
    assert [entry["name"] for entry in answer["palette"]] == list(scheme.labels)
    assert [entry["colour"] for entry in answer["palette"]] == scheme.colours.tolist()
    assert_found(answer["labels"], ids, scores, scheme)


def assert_found(
    labels: list[dict[str, Any]], ids: np.ndarray, scores: np.ndarray, scheme: LabelScheme
) -> None:
    """Each label by a mask of its own."""
    assert {entry["id"] for entry in labels} == set(np.unique(ids).tolist()) - {0}
    areas = [entry["area_fraction"] for entry in labels]
    assert areas == sorted(areas, reverse=True)
    for entry in labels:
        mask = ids == entry["id"]
        rows, columns = np.nonzero(mask)
        assert entry["name"] == scheme.labels[entry["id"]]
        assert entry["colour"] == scheme.colours[entry["id"]].tolist()
        assert entry["area_fraction"] == pytest.approx(mask.mean())
        assert entry["box"] == [
            columns.min(),
            rows.min(),
            columns.max() + 1,
            rows.max() + 1,
        ]
        assert entry["mean_score"] == pytest.approx(scores[mask].mean(), rel=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (3, 90_000), (400, 300)])
def test_each_label_is_summed_up_as_by_a_mask_of_its_own(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    ids = rng.choice([0, 3, 17, 58], shape, p=[0.6, 0.2, 0.1, 0.1]).astype(np.uint8)
    scores = rng.random(shape, np.float32)
    answer = ClothingMap.of(ids, scores, "fine").model_dump()
    assert_found(answer["labels"], ids, scores, FINE)


def test_a_picture_of_nobody_has_no_labels() -> None:
    empty = ClothingMap.of(np.zeros((20, 16), np.uint8), np.ones((20, 16), np.float32), "grouped")
    assert empty.labels == []
    assert len(empty.palette) == len(GROUPED)
