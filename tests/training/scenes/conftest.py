"""Labelled pictures that are made up."""

import numpy as np
import pytest

from training.scenes.labelled_picture import RGB, WEIGHT, LabelledPicture, rendered_picture


@pytest.fixture
def pair() -> np.ndarray:
    """A person who is an upright box, their body a narrower one; (120, 80, 5)."""
    layers = np.zeros((120, 80, 5), np.uint8)
    layers[..., :3] = 40
    layers[20:110, 20:60, :3] = (200, 100, 50)
    layers[20:110, 20:60, 3] = 255
    layers[20:110, 30:50, 4] = 255
    return layers


@pytest.fixture
def keypoints() -> np.ndarray:
    """All of them on that body."""
    points = np.ones((17, 3), np.float32)
    points[:, 0] = np.linspace(32, 48, 17)
    points[:, 1] = np.linspace(24, 106, 17)
    return points


@pytest.fixture
def picture(pair: np.ndarray, keypoints: np.ndarray) -> LabelledPicture:
    return rendered_picture(pair, keypoints)


@pytest.fixture
def nobody() -> LabelledPicture:
    layers = np.zeros((120, 160, 8), np.uint8)
    layers[..., RGB], layers[..., WEIGHT] = 90, 255
    return LabelledPicture(layers, ())
