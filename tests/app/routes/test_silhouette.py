import base64
import io

import httpx
import numpy as np
import pytest
from PIL import Image

from model.silhouette.confidence import weight_image
from model.silhouette.predictor import SilhouettePredictor


@pytest.fixture(scope="module")
def upload(photo: Image.Image) -> dict[str, bytes]:
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    return {"image": buffer.getvalue()}


def test_every_format_of_a_map_says_what_the_predictor_says(
    client: httpx.Client,
    tiny_silhouette: SilhouettePredictor,
    photo: Image.Image,
    upload: dict[str, bytes],
) -> None:
    truth = tiny_silhouette.predict_batch([np.asarray(photo)])[0].confidence
    assert truth.std() > 0

    png = client.post("/confidence", files=upload)
    assert png.headers["content-type"] == "image/png"
    assert png.headers["vary"] == "Accept"
    grey = np.asarray(Image.open(io.BytesIO(png.content)))
    # Half a grey level; the server's threads may round the map otherwise.
    np.testing.assert_allclose(grey, truth * 255, atol=0.51)

    npy = client.post("/confidence", files=upload, headers={"accept": "application/x-npy"})
    array = np.load(io.BytesIO(npy.content))
    assert array.dtype == np.float32
    np.testing.assert_allclose(array, truth, atol=1e-5)
    truth = array  # what rounds otherwise may lie on the other side of a threshold

    answer = client.post("/confidence", files=upload, headers={"accept": "application/json"}).json()
    assert base64.b64decode(answer["map_png_base64"]) == png.content
    assert (answer["height"], answer["width"]) == truth.shape
    assert answer["mean_confidence"] == pytest.approx(truth.mean(), rel=1e-5)
    assert answer["max_confidence"] == pytest.approx(truth.max(), rel=1e-5)
    assert answer["body_fraction"] == pytest.approx((truth > 0.5).mean())
    left, top, right, bottom = answer["body_box"]
    rows, columns = np.nonzero(truth > 0.5)
    assert (top, bottom) == (rows.min(), rows.max() + 1)
    assert (left, right) == (columns.min(), columns.max() + 1)


def test_every_format_of_a_weighted_picture_says_the_same(
    client: httpx.Client,
    tiny_silhouette: SilhouettePredictor,
    photo: Image.Image,
    upload: dict[str, bytes],
) -> None:
    pixels = np.asarray(photo)
    truth = weight_image(pixels, tiny_silhouette.predict_batch([pixels])[0].confidence)
    png = client.post("/confidence/weighted-image", files=upload)
    with Image.open(io.BytesIO(png.content)) as picture:
        np.testing.assert_allclose(np.asarray(picture), truth * 255, atol=0.51)
    npy = client.post(
        "/confidence/weighted-image", files=upload, headers={"accept": "application/x-npy"}
    )
    array = np.load(io.BytesIO(npy.content))
    assert array.dtype == np.float32
    np.testing.assert_allclose(array, truth, atol=1e-5)
