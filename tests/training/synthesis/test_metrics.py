from pathlib import Path

import numpy as np
import pytest

from model.synthesis.skeletons import Skeletons
from training.synthesis.frames import load_frames
from training.synthesis.metrics import (
    MEAN_PICTURE,
    NEAREST_26,
    NEAREST_99,
    baselines,
    nearest_method,
    score_frames,
)


def test_scores_are_those_of_the_definitions() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (5, 24, 24, 3), dtype=np.uint8)
    found = rng.integers(0, 256, truth.shape, dtype=np.uint8)
    scores = score_frames(found, truth)
    one, other = found / 255, truth / 255
    np.testing.assert_allclose(scores.l1, np.abs(one - other).mean((1, 2, 3)), rtol=1e-4)
    squares = ((one - other) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(scores.psnr, -10 * np.log10(squares), rtol=1e-4)
    changes = np.abs(np.diff(one, axis=0) - np.diff(other, axis=0)).mean((1, 2, 3))
    np.testing.assert_allclose(scores.flicker[1:], changes, rtol=1e-4)
    assert np.isnan(scores.flicker[0])
    assert scores.means()["flicker"] == pytest.approx(changes.mean())


def test_the_truth_scores_best_and_a_still_picture_flickers_as_the_truth_moves() -> None:
    truth = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    same = score_frames(truth, truth).means()
    assert (same["l1"], same["flicker"]) == (0, 0)
    assert same["ssim"] == pytest.approx(1, abs=1e-4)
    still = np.broadcast_to(truth[:1], truth.shape)
    moves = np.abs(np.diff(truth.astype(float), axis=0)).mean() / 255
    assert score_frames(still, truth).means()["flicker"] == pytest.approx(moves, rel=1e-4)
    with pytest.raises(ValueError, match="equal shapes"):
        score_frames(truth[:1], truth[:1])


def test_baselines_use_the_known_frames_alone(frames_folder: Path) -> None:
    frames = load_frames(frames_folder, 16)
    known = np.arange(30)
    asked = Skeletons(frames.skeletons.points[[3, 35]])
    found = baselines(frames, known, asked)
    assert NEAREST_99 not in found
    np.testing.assert_array_equal(found[NEAREST_26][0], frames.pictures[3])
    points = frames.skeletons.points.reshape(len(frames), -1)
    nearest = np.linalg.norm(points[known] - points[35], axis=1).argmin()
    np.testing.assert_array_equal(found[NEAREST_26][1], frames.pictures[nearest])
    mean = frames.pictures[known].mean(0)
    assert np.abs(found[MEAN_PICTURE][0] - mean).max() <= 0.5 + 1e-6
    method = nearest_method(frames, known)
    difference = np.abs(method.render(asked).astype(int) - found[NEAREST_26])
    assert difference.mean() < 6  # JPEG
