"""Poses as they come in: what is refused, and what normalisation leaves out."""

import numpy as np
import pytest
import torch

from model.errors import InvalidInputError
from model.pose_depth.poses import (
    ObservedPoses,
    batched,
    mirrored,
    normalised_keypoints,
    observed,
)
from model.pose_depth.skeleton import (
    BONES,
    COCO_OF_MEDIAPIPE,
    SYMMETRIC_BONES,
)
from model.skeletons import COCO_17_NAMES, MEDIAPIPE_33_NAMES, MEDIAPIPE_OF_COCO

RNG = np.random.default_rng(0)
POSES, POINTS = RNG.normal(size=(3, 33, 3)), RNG.normal(size=(3, 33, 2))


def test_the_skeleton_has_the_references_bones() -> None:
    named = {tuple(COCO_17_NAMES[end] for end in bone) for bone in BONES}
    assert len(BONES) == len(named) == 12
    assert ("left_shoulder", "right_shoulder") in named
    assert ("right_knee", "right_ankle") in named
    for left, right in SYMMETRIC_BONES:
        names = [[COCO_17_NAMES[end] for end in BONES[bone]] for bone in (left, right)]
        assert [name.replace("left", "right") for name in names[0]] == names[1]


def test_landmarks_of_mediapipe_become_keypoints_of_coco() -> None:
    found = observed(POSES, POINTS)
    hips = POSES[:, [23, 24]].mean(1)
    for place, name in enumerate(COCO_17_NAMES):
        landmark = MEDIAPIPE_33_NAMES.index(name)
        assert MEDIAPIPE_OF_COCO[place] == landmark
        np.testing.assert_allclose(
            found.joints[:, place], POSES[:, landmark] - hips, rtol=1e-5, atol=1e-6
        )
    assert found.visibility.min() == 1


def test_every_landmark_follows_a_keypoint_of_its_own_side() -> None:
    for name, place in zip(MEDIAPIPE_33_NAMES, COCO_OF_MEDIAPIPE, strict=True):
        followed = COCO_17_NAMES[place]
        for side in ("left", "right"):
            assert (side in name and "mouth" not in name) == (side in followed) or (
                followed == "nose"
            )
    followed_by_toes = COCO_OF_MEDIAPIPE[MEDIAPIPE_33_NAMES.index("left_foot_index")]
    assert COCO_17_NAMES[followed_by_toes] == "left_ankle"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"poses": POSES[:, :20]}, r"\(3, 20, 3\)"),
        ({"poses": POSES[:0]}, r"\(0, 33, 3\)"),
        ({"poses": POSES[0]}, r"\(33, 3\)"),
        ({"poses": POSES * np.nan}, "not finite"),
        ({"poses": POSES * 1e6}, "beyond 10000"),
        ({"keypoints": POINTS[:2]}, r"keypoints have the shape \(2, 33, 2\)"),
        ({"keypoints": POINTS * np.inf}, "not finite"),
        ({"visibility": np.full((3, 33), 1.5)}, "visibility"),
        ({"visibility": np.full((3, 33), np.nan)}, "visibility"),
        ({"visibility": np.ones((3, 17))}, r"\(3, 17\)"),
        ({"seconds": np.array([0, 1, 1.0])}, "ascending"),
        ({"seconds": np.array([0, 1.0])}, "ascending"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_with_the_reason(
    change: dict[str, np.ndarray], words: str
) -> None:
    with pytest.raises(InvalidInputError, match=words):
        observed(**{"poses": POSES, "keypoints": POINTS, **change})


def test_size_and_place_in_the_picture_have_no_influence() -> None:
    points = torch.from_numpy(POINTS[:, :17])
    found = normalised_keypoints(points)
    torch.testing.assert_close(found, normalised_keypoints(points * 640 + 100))
    torch.testing.assert_close(found.square().sum(-1).mean(-1), torch.ones(3, dtype=torch.float64))
    assert normalised_keypoints(torch.zeros(1, 17, 2)).abs().max() == 0


def test_sequences_of_different_lengths_make_one_batch() -> None:
    whole = observed(POSES, POINTS, seconds=np.array([5.0, 5.1, 5.4]))
    short = ObservedPoses(whole.joints[:2], whole.keypoints[:2], whole.visibility[:2])
    batch = batched([whole, short])
    assert batch.present.tolist() == [[True] * 3, [True, True, False]]
    np.testing.assert_allclose(batch.seconds[0], [0, 0.1, 0.4], atol=1e-6)
    assert batch.seconds[1, 1] > 100, "poses that are no sequence are far apart"
    np.testing.assert_array_equal(batch.joints[1, :2], whole.joints[:2])


def test_a_mirror_image_of_a_mirror_image_is_the_pose_itself() -> None:
    poses = batched([observed(POSES, POINTS, RNG.uniform(size=(3, 33)))])
    flipped = mirrored(poses)
    assert float(flipped.joints[0, 0, 5, 0]) == -float(poses.joints[0, 0, 6, 0])
    assert float(flipped.visibility[0, 0, 9]) == float(poses.visibility[0, 0, 10])
    for before, after in zip(poses, mirrored(flipped), strict=True):
        torch.testing.assert_close(before, after)
