import numpy as np
import pytest

from model.skeletons import COCO_17_NAMES, MEDIAPIPE_33_NAMES
from training.datasets.ccp_keypoints import NOBODY
from training.datasets.coco_keypoints import (
    OKS_SIGMAS,
    coco_of_mediapipe,
    keypoints_of,
    object_keypoint_similarity,
    pose_of,
)


@pytest.fixture
def person(rng: np.random.Generator) -> np.ndarray:
    return np.column_stack([rng.uniform(0, 100, (17, 2)), np.ones(17)]).astype(np.float32)


def test_keypoints_are_mediapipes_of_the_same_names() -> None:
    landmarks = np.arange(99, dtype=np.float32).reshape(33, 3)
    chosen = coco_of_mediapipe(landmarks)
    for name, point in zip(COCO_17_NAMES, chosen, strict=True):
        assert point[0] == 3 * MEDIAPIPE_33_NAMES.index(name)


def test_a_pose_gives_back_the_keypoints_that_made_it(person: np.ndarray) -> None:
    pose = pose_of(person, (120, 80))
    np.testing.assert_allclose(keypoints_of(pose, (120, 80)), person, rtol=1e-5)
    assert pose.visibility[MEDIAPIPE_33_NAMES.index("left_heel")] == 0
    assert not keypoints_of(NOBODY, (120, 80)).any()


def test_similarity_is_the_mean_of_gaussians_over_the_marked_keypoints(person: np.ndarray) -> None:
    assert object_keypoint_similarity(person, person, 100.0) == 1
    moved = person.copy()
    moved[5, 0] += 30
    one = np.exp(-(30**2) / (2 * 900.0 * (2 * OKS_SIGMAS[5]) ** 2))
    assert object_keypoint_similarity(moved, person, 900.0) == pytest.approx((16 + one) / 17)
    marked = person.copy()
    marked[np.arange(17) != 5, 2] = 0
    assert object_keypoint_similarity(moved, marked, 900.0) == pytest.approx(one)
    marked[:, 2] = 0
    assert object_keypoint_similarity(person, marked, 900.0) == 0


def test_hips_scatter_most() -> None:
    assert OKS_SIGMAS[COCO_17_NAMES.index("left_hip")] == OKS_SIGMAS.max()
    assert OKS_SIGMAS.shape == (17,)
