import numpy as np
import pytest

from model.errors import AssetError
from training.datasets.shader_truth import ShaderTruth
from training.reconstruction.truth import focal_px, looseness, truth_of


def shown(joints: np.ndarray, focal: float, size: tuple[int, int]) -> np.ndarray:
    """Where a pinhole camera that looks along -Z shows points, one by one."""
    points = []
    for x, y, z in joints:
        points.append([size[1] / 2 + focal * x / -z, size[0] / 2 - focal * y / -z])
    return np.array(points)


@pytest.fixture
def joints(rng: np.random.Generator) -> np.ndarray:
    return rng.normal([0.2, -0.1, -4.0], 0.5, (24, 3))


def test_the_focal_length_is_found_from_joints_and_their_pixels(joints: np.ndarray) -> None:
    points = shown(joints, 123.4, (200, 150))
    assert focal_px(joints, points, (200, 150)) == pytest.approx(123.4)


def test_a_camera_that_is_not_in_the_middle_is_refused(joints: np.ndarray) -> None:
    points = shown(joints, 123.4, (200, 150)) + np.array([30, 0])
    with pytest.raises(AssetError, match="pixels from where a camera at the picture's centre"):
        focal_px(joints, points, (200, 150))


def test_joints_that_are_not_finite_are_refused(joints: np.ndarray) -> None:
    points = shown(joints, 100, (200, 150))
    points[3] = np.nan
    with pytest.raises(AssetError):
        focal_px(joints, points, (200, 150))


def subject(joints: np.ndarray, coco: np.ndarray | None) -> ShaderTruth:
    return ShaderTruth(
        betas=np.arange(10.0),
        poses=np.arange(72.0)[None],
        trans=np.ones((1, 3)),
        joints2d=shown(joints, 80, (64, 64))[None],
        joints3d=joints[None],
        coco_keypoints=coco,
    )


def test_a_frame_is_split_into_pose_place_and_camera(joints: np.ndarray) -> None:
    found = truth_of(subject(joints, np.ones((1, 17, 3))), 0, (64, 64))
    assert found.focal == pytest.approx(80)
    assert found.pose[2].tolist() == [6, 7, 8]
    np.testing.assert_allclose(found.joints, joints, rtol=1e-6)


def test_frames_and_keypoints_that_are_not_there_are_named(joints: np.ndarray) -> None:
    with pytest.raises(AssetError, match="1 frames and no frame 1"):
        truth_of(subject(joints, np.ones((1, 17, 3))), 1, (64, 64))
    with pytest.raises(AssetError, match="no COCO keypoints"):
        truth_of(subject(joints, None), 0, (64, 64))


def test_looseness_is_cloth_over_body() -> None:
    naked = np.zeros((10, 10), bool)
    naked[2:8, 4:6] = True
    dressed = np.zeros((10, 10), bool)
    dressed[2:8, 3:6] = True
    assert looseness(dressed, naked) == pytest.approx(0.5)
    assert np.isnan(looseness(dressed, ~np.ones((10, 10), bool)))
