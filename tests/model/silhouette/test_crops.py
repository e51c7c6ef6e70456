"""Which people are looked at again, and what comes of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from model.silhouette.crops import LARGE, crops_of, seen_again
from model.silhouette.lite import PEOPLE_STRIDE, LiteConfig, LiteSilhouette
from model.silhouette.people import CANDIDATE_SCORE, LEAST_SCORE
from model.silhouette.predictor import SilhouettePredictor
from tests.model.silhouette.test_people import person

CONFIG = LiteConfig(0, (16, 16, 16, 8), head_width=8)


def test_a_person_who_fills_the_picture_is_not_looked_at_again() -> None:
    assert len(crops_of([person(100, 0, 300, LARGE * 600 - 1)], (400, 600), 0)) == 1
    assert crops_of([person(100, 0, 300, LARGE * 600 + 1)], (400, 600), 0) == []


def test_a_crop_holds_the_box_and_stays_in_the_picture() -> None:
    (crop,) = crops_of([person(0, 150, 60, 290)], (300, 600), 3)
    assert (crop.picture, crop.left, crop.bottom) == (3, 0, 300)
    assert crop.top < 150
    assert crop.right > 60
    assert crop.of(np.zeros((300, 600, 3))).shape == (crop.bottom - crop.top, crop.right, 3)


def test_a_person_is_replaced_by_the_one_that_a_crop_shows() -> None:
    first, better = person(10, 10, 50, 90), person(12, 8, 52, 92)
    assert seen_again(first, [person(100, 10, 140, 90), better]) is better
    assert seen_again(first, [person(100, 10, 140, 90)]) is first
    assert seen_again(first, []) is first


class _OneSmallPerson(nn.Module):
    """Says that a person is where a picture is brightest, and that the body is what is bright."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = logit  # of the person's centre

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        bright = (images.mean(1, keepdim=True) > 0.9).float()
        small = nn.functional.avg_pool2d(bright, PEOPLE_STRIDE)
        maps = torch.full((len(images), 22, *small.shape[-2:]), -9.0)
        for index, layer in enumerate(small[:, 0]):
            rows, columns = torch.nonzero(layer > 0.3, as_tuple=True)
            if not len(rows):
                continue
            row, column = int(rows.float().mean()), int(columns.float().mean())
            maps[index, :18, row, column] = self.logit
            sides = [column + 0.5 - columns.min(), row + 0.5 - rows.min()]
            sides += [columns.max() + 0.5 - column, rows.max() + 0.5 - row]
            maps[index, 18:, row, column] = torch.stack(sides).log()
        return [maps, bright]


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch) -> SilhouettePredictor:
    return predictor_of(9.0, monkeypatch)


def predictor_of(logit: float, monkeypatch: pytest.MonkeyPatch) -> SilhouettePredictor:
    predictor = SilhouettePredictor(LiteSilhouette(CONFIG), 64, dtype=torch.float32)
    fake = _OneSmallPerson(logit)

    def joined(images: torch.Tensor) -> torch.Tensor:
        maps, confidence = fake(images)
        return torch.cat([nn.functional.pixel_unshuffle(confidence, PEOPLE_STRIDE), maps], 1)

    monkeypatch.setattr(predictor, "network", joined)
    return predictor


def test_small_people_are_seen_at_the_resolution_of_a_crop(
    predictor: SilhouettePredictor,
) -> None:
    image = np.zeros((512, 512, 3), np.uint8)
    image[100:180, 300:340] = 255
    (result,) = predictor.predict_batch([image])
    assert result.people is not None
    (found,) = result.people
    np.testing.assert_allclose(found.box, [300, 100, 340, 180], atol=16)
    # At 512 / 64 pixels a cell the whole picture alone could not say this.
    wrong = (result.confidence > 0.5) != (image[..., 0] == 255)
    assert wrong.mean() < 0.004


def test_a_picture_of_nobody_has_no_people_and_a_zero_map(
    predictor: SilhouettePredictor,
) -> None:
    empty = np.zeros((64, 96, 3), np.uint8)
    bright = np.zeros((512, 512, 3), np.uint8)
    bright[100:180, 300:340] = 255
    results = predictor.predict_batch([empty, bright, empty])
    assert [len(result.people or ()) for result in results] == [0, 1, 0]
    assert results[0].confidence.max() == 0


@pytest.mark.parametrize("score", [0.9, (LEAST_SCORE + CANDIDATE_SCORE) / 2, 0.9 * CANDIDATE_SCORE])
def test_the_map_is_zero_where_nobody_is_and_doubtful_people_are_not_listed(
    score: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[8:48, 20:36] = 255
    predictor = predictor_of(float(np.log(score / (1 - score))), monkeypatch)
    (result,) = predictor.predict_batch([image])
    assert result.people is not None
    assert len(result.people) == (score >= LEAST_SCORE)
    found = result.confidence > 0.5
    assert found[8:48, 20:36].all() == found.any() == (score >= CANDIDATE_SCORE)
    # Garments are looked for where a listed person is, or where somebody may be.
    assert result.near_people()[8:48, 20:36].all() == (score >= CANDIDATE_SCORE)


def test_a_network_without_the_head_says_nothing_of_people() -> None:
    network = LiteSilhouette(replace(CONFIG, head_width=0))
    predictor = SilhouettePredictor(network, 64, dtype=torch.float32)
    (result,) = predictor.predict_batch([np.zeros((40, 50, 3), np.uint8)])
    assert result.people is None


def test_a_batch_says_what_single_pictures_say() -> None:
    torch.manual_seed(0)
    network = LiteSilhouette(CONFIG).eval()
    assert network.people is not None
    with torch.no_grad():  # centres everywhere, so that there are crops
        bias = network.people.get_parameter("1.bias")
        bias[17] = 2.0
        bias[18:] = 0.5
    predictor = SilhouettePredictor(network, 64, dtype=torch.float32)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((64, 80), (200, 90))]
    for alone, together in zip(
        [predictor.predict_batch([image])[0] for image in images],
        predictor.predict_batch(images),
        strict=True,
    ):
        np.testing.assert_allclose(alone.confidence, together.confidence, atol=1e-4)
        assert alone.people is not None
        assert together.people is not None
        assert len(alone.people) == len(together.people) > 0
        for one, other in zip(alone.people, together.people, strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=0.1)
