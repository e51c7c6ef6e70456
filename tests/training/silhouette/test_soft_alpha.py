"""Silhouettes with soft edges keep their area, at SHADER's size and made smaller."""

import numpy as np
import pytest

from model.silhouette.confidence import alpha_mask, silhouette_mask
from training.datasets.random_crops import shrink
from training.silhouette.compositing import Scene, own_background_scene, street_scene, whole_scene
from training.silhouette.recipe import Augmentation

SIDE, FACTOR = 1024, 4


def coverage(width: float, height: float) -> np.ndarray:
    """(SIDE, SIDE) the share of each pixel that an ellipse covers, from 4 x 4 samples of it."""
    at = (np.arange(4 * SIDE) + 0.5) / (4 * SIDE) - 0.5003
    inside = (at[None, :] / width) ** 2 + (at[:, None] / height) ** 2 < 1
    shares: np.ndarray = inside.reshape(SIDE, 4, SIDE, 4).mean((1, 3))
    return shares


@pytest.fixture(scope="module")
def covered() -> tuple[np.ndarray, np.ndarray]:
    """Of the dressed person and of the body: the body is 41 pixels wide, as an arm is."""
    return coverage(0.05, 0.4), coverage(0.02, 0.38)


@pytest.fixture(scope="module")
def pair(covered: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(SIDE, SIDE, 5): grey, and the two soft silhouettes."""
    layers = [np.full((SIDE, SIDE), 128.0)] * 3 + [np.round(255 * share) for share in covered]
    return np.stack(layers, axis=-1).astype(np.uint8)


def test_a_soft_silhouette_keeps_its_area(
    pair: np.ndarray, covered: tuple[np.ndarray, np.ndarray]
) -> None:
    for channel, share in zip((3, 4), covered, strict=True):
        rgba = np.dstack([pair[..., :3], pair[..., channel]])
        assert silhouette_mask(rgba).sum() == pytest.approx(share.sum(), rel=0.008)


def test_a_picture_of_shaders_size_made_smaller_keeps_the_area_of_its_silhouettes(
    pair: np.ndarray, covered: tuple[np.ndarray, np.ndarray]
) -> None:
    small = SIDE // FACTOR
    scene = whole_scene(shrink(pair, small))
    for mask, share in zip((scene.dressed, scene.naked), covered, strict=True):
        # An area-preserving oracle: the mean of each block, at full resolution.
        oracle = share.reshape(small, FACTOR, small, FACTOR).mean((1, 3)) >= 0.5
        assert mask.sum() == pytest.approx(share.sum() / FACTOR**2, rel=0.02)
        assert (mask & oracle).sum() / (mask | oracle).sum() > 0.98
    body = scene.confidence == 1
    assert body[scene.naked].all()
    # Positive alpha alone is no silhouette: it would be this much larger.
    assert (shrink(pair, small)[..., 4] > 0).sum() > 1.05 * scene.naked.sum()


@pytest.mark.parametrize("seed", range(3))
def test_every_kind_of_scene_follows_the_same_rule(
    pair: np.ndarray, covered: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    """Body over cloth is the same share wherever the person is shown whole."""
    share = covered[1].sum() / covered[0].sum()
    settings = Augmentation(
        aspect=(1, 1), least_window=1, crop_probability=0, person_height=(0.9, 0.95)
    )
    small = shrink(pair, 512)
    photo = np.full((300, 300, 7), 90, np.uint8)

    def rng() -> np.random.Generator:
        return np.random.default_rng(seed)

    scenes: list[Scene] = [
        whole_scene(small),
        own_background_scene(small, 256, rng(), settings),
        street_scene(small, photo, 256, rng(), settings),
    ]
    for scene in scenes:
        assert scene.naked.sum() / scene.dressed.sum() == pytest.approx(share, rel=0.04)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, bool])
def test_a_half_of_opaque_is_inside(kind: type) -> None:
    opaque = 1 if kind in (np.float32, bool) else np.iinfo(kind).max
    alpha = np.array([[0, opaque * 0.49, opaque * 0.51, opaque]])
    expected = [False, kind is bool, True, True]
    assert alpha_mask(alpha.astype(kind)).tolist() == [expected]
