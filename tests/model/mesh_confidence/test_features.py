import dataclasses

import numpy as np
import pytest

from model.errors import InvalidInputError
from model.mesh_confidence.features import (
    CHANNELS,
    CROP_MARGIN,
    MeshObservation,
    aligned_distances,
    crop_of,
)
from model.mesh_confidence.joints import JOINT_NAMES, spine_of

DISTANCE, SCORE, RESIDUAL, LOW, DEVIATION = range(len(CHANNELS))


def test_a_mesh_on_its_keypoints_is_at_no_distance(standing: MeshObservation) -> None:
    values = standing.features()
    np.testing.assert_allclose(values[:, [DISTANCE, RESIDUAL]], 0, atol=1e-6)
    np.testing.assert_allclose(values[:, SCORE], 0.9)
    assert np.isnan(values[:, [LOW, DEVIATION]]).all()


def test_a_mesh_that_is_shifted_as_a_whole_has_residuals_but_no_distances(
    standing: MeshObservation,
) -> None:
    crop = np.array([112, 112, 224], np.float32)
    moved = dataclasses.replace(standing, projected=standing.projected + 5.6, crop=crop)
    values = moved.features()
    np.testing.assert_allclose(values[:, DISTANCE], 0, atol=1e-6)
    np.testing.assert_allclose(values[:, RESIDUAL], 5.6 * np.sqrt(2) / 112, rtol=1e-5)


def test_a_wrong_wrist_is_measured_in_half_crops_and_moves_nothing_else(
    standing: MeshObservation,
) -> None:
    wrist = JOINT_NAMES.index("left_wrist")
    standing.projected[wrist] += [30, 40]
    crop = np.array([112, 112, 200], np.float32)
    distances = dataclasses.replace(standing, crop=crop).features()[:, DISTANCE]
    assert distances[wrist] == pytest.approx(0.5)
    assert np.delete(distances, wrist).max() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("missing", [[np.nan, np.nan, 0.5], [3, 4, 0], [np.inf, 4, 0.5]])
def test_a_joint_that_was_not_found_has_no_distance_and_no_score(
    standing: MeshObservation, missing: list[float]
) -> None:
    standing.detected[6] = missing
    values = standing.features()
    assert np.isnan(values[6, [DISTANCE, RESIDUAL]]).all()
    assert values[6, SCORE] == 0
    assert np.isfinite(np.delete(values, 6, 0)[:, [DISTANCE, SCORE, RESIDUAL]]).all()


def test_without_a_hip_nothing_is_aligned(standing: MeshObservation) -> None:
    standing.detected[2, 2] = 0
    moved = dataclasses.replace(standing, projected=standing.projected + 9)
    values = np.delete(moved.features(), 2, 0)
    np.testing.assert_array_equal(values[:, DISTANCE], values[:, RESIDUAL])
    assert values[:, DISTANCE].min() > 0


def test_a_larger_picture_of_the_same_gives_the_same_features(standing: MeshObservation) -> None:
    standing.projected[0] += 20
    large = MeshObservation(
        standing.projected * 3, standing.detected * np.array([3, 3, 1], np.float32)
    )
    np.testing.assert_allclose(large.features(), standing.features(), rtol=1e-4, atol=1e-6)


def test_the_crop_is_a_square_around_the_joints(standing: MeshObservation) -> None:
    x, y, side = crop_of(standing.projected)
    assert (x, y) == (112, 120)
    assert side == pytest.approx(CROP_MARGIN * 180)


def test_the_distances_are_those_of_the_formula() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(2, 5, 14, 2))
    found = aligned_distances(one, other, np.arange(1.0, 6.0))
    for row in range(5):
        shift = spine_of(one[row]) - spine_of(other[row])
        expected = [
            np.hypot(*(a - b - shift)) / (row + 1)
            for a, b in zip(one[row], other[row], strict=True)
        ]
        np.testing.assert_allclose(found[row], expected)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"projected": np.zeros((14, 2), np.float32)}, "at one place"),
        ({"projected": np.full((14, 2), np.nan, np.float32)}, "projected holds"),
        ({"crop": np.array([0, 0, 0], np.float32)}, "positive side"),
        ({"crop": np.array([np.nan, 0, 9], np.float32)}, "positive side"),
    ],
)
def test_an_unusable_observation_is_refused(
    standing: MeshObservation, changes: dict[str, np.ndarray], words: str
) -> None:
    with pytest.raises(InvalidInputError, match=words):
        dataclasses.replace(standing, **changes).features()
