import numpy as np
import torch

from model.synthesis.drawing import COLOURS, SPREAD, draw_sticks, limb_distances, limb_maps
from model.synthesis.limbs import LIMBS, MIDDLES, POINT_NAMES
from model.synthesis.skeletons import Skeletons


def ends(points: np.ndarray) -> np.ndarray:
    middles = [
        points[[POINT_NAMES.index(name) for name in pair]].mean(0) for pair in MIDDLES.values()
    ]
    return np.concatenate([points, middles])


def test_distances_are_those_to_the_nearest_of_many_points_on_a_limb(dancer: Skeletons) -> None:
    points, size = dancer.points[5], 24
    found = limb_distances(torch.from_numpy(points)[None], size)[0].numpy()
    centres = (np.arange(size) + 0.5) / size
    pixels = np.stack(np.meshgrid(centres, centres), -1)
    for limb, (one, other) in enumerate(LIMBS):
        share = np.linspace(0, 1, 400)[:, None]
        along = (1 - share) * ends(points)[one] + share * ends(points)[other]
        expected = np.linalg.norm(pixels[:, :, None] - along, axis=-1).min(-1)
        np.testing.assert_allclose(found[limb], expected, atol=1e-3)


def test_a_map_is_one_on_the_limb_and_falls_off_as_a_gaussian(dancer: Skeletons) -> None:
    points = torch.from_numpy(dancer.points[:2])
    distances, maps = limb_distances(points, 32), limb_maps(points, 32)
    expected = torch.exp(-distances.square() / (2 * SPREAD**2))
    torch.testing.assert_close(maps, expected, atol=1e-6, rtol=1e-4)
    # No denormal number: convolutions would take ten times as long.
    assert maps.min() > 1e-30


def test_sticks_have_their_colours_on_white(dancer: Skeletons) -> None:
    picture = draw_sticks(torch.from_numpy(dancer.points[:1]), 64)[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(picture[0, 0], [1, 1, 1])
    ankle, knee = (dancer.points[0, POINT_NAMES.index(f"left_{n}")] for n in ("ankle", "knee"))
    x, y = ((ankle + knee) / 2 * 64).astype(int)
    np.testing.assert_allclose(picture[y, x], COLOURS[len(LIMBS) - 1], atol=1e-6)


def test_a_skeleton_without_extent_is_drawn_without_nan() -> None:
    assert limb_maps(torch.full((1, 13, 2), 0.5), 16).isfinite().all()
