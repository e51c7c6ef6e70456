import asyncio
import io
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from app.capabilities import Predictors
from app.command.photo_predictor import PhotoPredictor
from app.engine.queue import EngineClosedError
from app.settings import Settings
from model.silhouette.people import Person
from model.silhouette.predictor import SilhouetteConfidence, SilhouettePredictor


class Seeing:
    """Finds a large person on the left and a small one on the right; red pictures break it."""

    input_size = 64
    header = None

    def __init__(self, device: object) -> None:
        self.device = device

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        return [self._one(image) for image in images]

    def _one(self, image: np.ndarray) -> SilhouetteConfidence:
        if image[0, 0, 0] == 255 and image[0, 0, 1] == 0:
            raise ZeroDivisionError("red")
        confidence = np.zeros(image.shape[:2], np.float32)
        confidence[:, :20] = 1
        people = [
            Person(np.array(box, np.float32), score, np.full((17, 3), 0.5, np.float32))
            for box, score in (([30, 5, 35, 10], 0.9), ([0, 0, 20, 40], 0.8))
        ]
        return SilhouetteConfidence(confidence, tuple(people))


@pytest.fixture
def predictor(tiny_silhouette: SilhouettePredictor) -> PhotoPredictor:
    predictors = Predictors(silhouette=Seeing(tiny_silhouette.device))
    return PhotoPredictor(predictors, Settings(device="cpu"))


def png(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_row_has_the_declared_columns_and_describes_the_largest_person(
    predictor: PhotoPredictor,
) -> None:
    with predictor.running():
        row = asyncio.run(predictor.predict(png((0, 0, 255))))
    assert row.error is None
    assert ["error", *row.columns] == list(predictor.columns)
    assert list(row.pngs) == predictor.png_names == ["confidence"]
    assert (row.columns["num_people"], row.columns["person_score"]) == (2, 0.8)
    assert row.columns["person_box"] == [0, 0, 20, 40]
    assert (row.columns["body_fraction"], row.columns["mean_confidence"]) == (0.5, 0.5)


def test_a_photo_that_breaks_a_predictor_is_a_row_and_the_next_one_is_predicted(
    predictor: PhotoPredictor,
) -> None:
    async def both() -> list[str | None]:
        return [(await predictor.predict(png(one))).error for one in ((255, 0, 0), (0, 255, 0))]

    with predictor.running():
        assert asyncio.run(both()) == ["ZeroDivisionError: red", None]


def test_an_engine_that_has_ended_is_no_fault_of_a_photo(predictor: PhotoPredictor) -> None:
    with predictor.running():
        pass
    with pytest.raises(EngineClosedError):
        asyncio.run(predictor.predict(png((0, 0, 255))))
