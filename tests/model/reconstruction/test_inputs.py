from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.reconstruction.inputs import (
    KEYPOINT_SIGMA,
    PersonView,
    heat_maps,
    known_size,
    preprocess,
)
from model.reconstruction.network import LAYERS, ReconstructionConfig

SIZE = 64
View = Callable[..., PersonView]


@pytest.mark.parametrize("inputs", LAYERS)
@pytest.mark.parametrize("keypoints", [True, False])
def test_the_input_has_the_channels_that_the_configuration_says(
    person_view: View, inputs: str, keypoints: bool
) -> None:
    view = person_view()
    config = ReconstructionConfig(inputs=inputs, keypoints=keypoints)
    made, crop = preprocess(replace(view, silhouette=view.confidence), config, SIZE)
    assert made.images.shape == (1, config.num_channels, SIZE, SIZE)
    assert made.images.min() >= 0
    assert made.images.max() <= 1 + 1e-6
    num_layers = config.num_channels - 17 * keypoints
    torch.testing.assert_close(made.images[:, num_layers - 1], crop.inside(*view.size)[0])


def test_the_weighted_photo_is_the_photo_times_the_map(person_view: View) -> None:
    view = person_view()
    layers = {
        name: preprocess(view, ReconstructionConfig(inputs=name), SIZE)[0].images[0]
        for name in ("photo", "map", "weighted_photo", "photo_and_map")
    }
    inside = layers["photo"][3]
    seen = inside == 1
    expected = layers["photo"][:3] * layers["map"][0]
    torch.testing.assert_close(layers["weighted_photo"][:3, seen], expected[:, seen])
    assert (layers["weighted_photo"][:3, inside == 0] == 0).all()
    torch.testing.assert_close(layers["photo_and_map"][:3], layers["photo"][:3])
    torch.testing.assert_close(layers["photo_and_map"][3], layers["map"][0])


@pytest.mark.parametrize(
    ("inputs", "words"), [("map", "a confidence map"), ("body", "a silhouette")]
)
def test_a_view_without_what_the_input_needs_is_a_mistake(
    person_view: View, inputs: str, words: str
) -> None:
    view = replace(person_view(), confidence=None)
    with pytest.raises(ValueError, match=words):
        preprocess(view, ReconstructionConfig(inputs=inputs), SIZE)


def test_a_heat_map_is_a_gaussian_around_its_keypoint() -> None:
    keypoints = torch.zeros(1, 17, 3)
    keypoints[0, 0] = torch.tensor([0.25, -0.5, 0.8])
    maps = heat_maps(keypoints, 40)[0].numpy()
    expected = np.zeros((40, 40))
    for row in range(40):
        for column in range(40):
            x, y = (column + 0.5) / 40, (row + 0.5) / 40
            squared = (x - 0.625) ** 2 + (y - 0.25) ** 2
            expected[row, column] = 0.8 * np.exp(-squared / (2 * KEYPOINT_SIGMA**2))
    np.testing.assert_allclose(maps[0], expected, atol=1e-6)
    assert (maps[1:] == 0).all()


def test_keypoints_are_told_over_the_crop_and_those_that_are_none_as_zeros(
    person_view: View,
) -> None:
    view = person_view()
    keypoints = view.keypoints.copy()
    keypoints[4, 2] = 0
    keypoints[5, :2] = 5000
    made, crop = preprocess(replace(view, keypoints=keypoints), ReconstructionConfig(), SIZE)
    found = made.keypoints[0].numpy()
    assert (found[4:6] == 0).all()
    kept = np.delete(np.arange(17), [4, 5])
    np.testing.assert_allclose(crop.outward(found[kept, :2]), keypoints[kept, :2], atol=1e-3)
    np.testing.assert_allclose(found[kept, 2], keypoints[kept, 2])


def test_a_known_size_is_told_apart_from_the_mean_one() -> None:
    nothing, mean = known_size(None, None), known_size(1.68, None)
    assert nothing.tolist() == [[0, 0, 0, 0]]
    assert mean[0].tolist() == pytest.approx([0, 0, 1, 0], abs=1e-6)
    assert known_size(1.9, 90.0)[0, 0] > 0
    assert known_size(1.9, 90.0)[0, 1] > known_size(1.9, 70.0)[0, 1]


def test_the_place_of_the_crop_is_told_in_focal_lengths(person_view: View) -> None:
    view = replace(person_view(), focal_px=200.0)
    made, crop = preprocess(view, ReconstructionConfig(), SIZE)
    x, y = crop.centre
    expected = [(x - 35) / 200, (y - 45) / 200, crop.side / 200]
    np.testing.assert_allclose(made.view[0].numpy(), expected, rtol=1e-6)
    assumed, _ = preprocess(person_view(), ReconstructionConfig(field_of_view_deg=90.0), SIZE)
    assert assumed.view[0, 2].item() == pytest.approx(crop.side / 45)
