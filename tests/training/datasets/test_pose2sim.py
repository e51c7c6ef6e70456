from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidInputError
from training.datasets.pose2sim import CalibratedViews


@pytest.fixture
def root(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Two cameras that look along z from 4 m, the second shifted by 1 m."""
    for camera in ("cam01", "cam02"):
        (tmp_path / camera).mkdir()
        Image.new("RGB", (200, 100)).save(tmp_path / camera / "0000.png")
    truth = rng.uniform(-1, 1, (1, 33, 3)).astype(np.float32)
    truth[0, 0] = np.nan
    np.savez(
        tmp_path / "truth.npz",
        frames=np.array(["0000.png"]),
        truth=truth,
        R=np.stack([np.eye(3)] * 2),
        t=np.array([[0, 0, 4], [1, 0, 4]], float),
        K=np.stack([np.array([[50, 0, 100], [0, 50, 50], [0, 0, 1]], float)] * 2),
    )
    return tmp_path


def test_joints_are_projected_into_every_view(root: Path) -> None:
    views = CalibratedViews.open(root)
    assert len(views) == 2
    with np.load(root / "truth.npz") as file:
        x, y, z = file["truth"][0, 11]
    for index in range(2):
        image, keypoints = views[index]
        assert image.shape == (100, 200, 3)
        assert views.camera(index) == index
        # COCO's sixth keypoint is the left shoulder, MediaPipe's eleventh landmark.
        expected = [100 + 50 * (x + index) / (z + 4), 50 + 50 * y / (z + 4), 1]
        np.testing.assert_allclose(keypoints[5], expected, rtol=1e-5)
        assert keypoints[0].tolist() == [0, 0, 0]


def test_a_damaged_truth_is_named(root: Path) -> None:
    (root / "truth.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(InvalidInputError, match=r"truth\.npz cannot be read"):
        CalibratedViews.open(root)
    (root / "truth.npz").unlink()
    with pytest.raises(FileNotFoundError):
        CalibratedViews.open(root)


@pytest.mark.shared_data
def test_the_shared_truth_lies_on_the_landmarks_of_each_view(shared_data: Path) -> None:
    views = CalibratedViews.open(shared_data / "pose2sim")
    assert len(views) == 100
    with np.load(shared_data / "pose2sim" / "truth.npz") as file:
        found = file["landmarks"][:, 0, 25, :2]
    knees = views.keypoints[0, :, 13]
    known = knees[:, 2] > 0
    assert np.median(np.hypot(*(knees[known, :2] - found[known]).T)) < 30
