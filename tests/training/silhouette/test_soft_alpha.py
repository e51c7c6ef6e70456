"""Silhouettes with soft edges keep their area, at SHADER's size and made smaller."""

import dataclasses

import numpy as np
import pytest

from model.silhouette.confidence import alpha_mask, silhouette_mask
from training.scenes.composition import SceneRecipe, group, view
from training.scenes.labelled_picture import (
    ALPHA,
    NAKED,
    TARGET,
    WEIGHT,
    LabelledPicture,
    rendered_picture,
    shrunk,
)

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
    layers = shrunk(rendered_picture(pair, None), small).layers
    for layer, share in zip((ALPHA, NAKED), covered, strict=True):
        mask = layers[..., layer] >= 128
        # An area-preserving oracle: the mean of each block, at full resolution.
        oracle = share.reshape(small, FACTOR, small, FACTOR).mean((1, 3)) >= 0.5
        assert mask.sum() == pytest.approx(share.sum() / FACTOR**2, rel=0.02)
        assert (mask & oracle).sum() / (mask | oracle).sum() > 0.98
    naked = layers[..., NAKED]
    assert (layers[..., TARGET][naked == 255] == 255).all()
    # Positive alpha alone is no silhouette: it would be this much larger.
    assert (naked > 0).sum() > 1.05 * (naked >= 128).sum()


@pytest.mark.parametrize("seed", range(3))
def test_every_kind_of_scene_follows_the_same_rule(
    pair: np.ndarray, covered: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    """Body over cloth is the same share wherever the person is shown whole."""
    share = covered[1].sum() / covered[0].sum()
    settings = SceneRecipe(
        aspect=(1, 1), view_height=(0.8, 0.8), group_height=(0.8, 0.8), close_fraction=0
    )
    small = shrunk(rendered_picture(pair, None), 512)
    place = LabelledPicture(np.full((256, 256, 8), 255, np.uint8) * (np.arange(8) == WEIGHT), ())

    def rng() -> np.random.Generator:
        return np.random.default_rng(seed)

    scenes = [
        shrunk(small, 256),
        view(small, 256, rng(), dataclasses.replace(settings, whole_fraction=1)),
        group(place, [small], rng(), settings),
    ]
    for scene in scenes:
        dressed, naked = (scene.layers[..., layer] >= 128 for layer in (ALPHA, NAKED))
        left, top, right, bottom = scene.people[0].box.tolist()
        if min(left, top, 256 - right, 256 - bottom) > 0:
            assert naked.sum() / dressed.sum() == pytest.approx(share, rel=0.04)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, bool])
def test_a_half_of_opaque_is_inside(kind: type) -> None:
    opaque = 1 if kind in (np.float32, bool) else np.iinfo(kind).max
    alpha = np.array([[0, opaque * 0.49, opaque * 0.51, opaque]])
    expected = [False, kind is bool, True, True]
    assert alpha_mask(alpha.astype(kind)).tolist() == [expected]
