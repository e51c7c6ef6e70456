"""The 17 keypoints of COCO: from MediaPipe's landmarks, compared, and as a pose with bones.

Keypoints of a person are (17, 3) float32 in the order of `model.skeletons.COCO_17_NAMES`: x and y
in pixels, and a visibility in [0, 1] that is 0 where nothing is known of the point.
"""

import numpy as np

from model.skeletons import COCO_17_NAMES, MEDIAPIPE_33_NAMES, MEDIAPIPE_OF_COCO
from training.datasets.ccp_keypoints import Pose

NUM_KEYPOINTS = len(COCO_17_NAMES)
_LANDMARKS = list(MEDIAPIPE_OF_COCO)
_FACE, _ARMS, _LEGS = (
    (0.026, 0.025, 0.025, 0.035, 0.035),
    (0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
    (0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)
OKS_SIGMAS = np.array((*_FACE, *_ARMS, *_LEGS))
"""How far people's own marks of each keypoint scatter, over the square root of the area.

Source: COCO's keypoint evaluation, cocodataset.org/#keypoints-eval.
"""


def coco_of_mediapipe(landmarks: np.ndarray) -> np.ndarray:
    """(17, 3) of MediaPipe's (33, 3): x, y, visibility."""
    chosen: np.ndarray = landmarks[_LANDMARKS].astype(np.float32)
    return chosen


def pose_of(keypoints: np.ndarray, size: tuple[int, int]) -> Pose:
    """The same person as MediaPipe's landmarks; those that COCO lacks are invisible.

    Args:
        keypoints: (17, 3), in pixels.
        size: (height, width) of the picture.
    """
    landmarks = np.zeros((len(MEDIAPIPE_33_NAMES), 2), np.float32)
    visibility = np.zeros(len(MEDIAPIPE_33_NAMES), np.float32)
    landmarks[_LANDMARKS] = keypoints[:, :2] / np.array([size[1], size[0]], np.float32)
    visibility[_LANDMARKS] = keypoints[:, 2]
    return Pose(landmarks, visibility)


def keypoints_of(pose: Pose, size: tuple[int, int]) -> np.ndarray:
    """COCO's keypoints of a pose, (17, 3) in pixels; zeros where nobody was found.

    Args:
        pose: MediaPipe's landmarks over the picture's size.
        size: (height, width) of the picture.
    """
    if not pose.found:
        return np.zeros((NUM_KEYPOINTS, 3), np.float32)
    points = pose.landmarks * np.array([size[1], size[0]], np.float32)
    return coco_of_mediapipe(np.column_stack([points, pose.visibility]))


def object_keypoint_similarity(found: np.ndarray, truth: np.ndarray, area: float) -> float:
    """COCO's OKS in [0, 1]; 0 where the truth shows no keypoint.

    Args:
        found: (17, 3); its visibility does not count.
        truth: (17, 3); keypoints of visibility above 0 count.
        area: Of the person, in square pixels.
    """
    shown = truth[:, 2] > 0
    if not shown.any():
        return 0.0
    squares = np.square(found[shown, :2] - truth[shown, :2]).sum(1)
    scale = 2 * np.square(2 * OKS_SIGMAS[shown]) * max(area, 1.0)
    return float(np.exp(-squares / scale).mean())
