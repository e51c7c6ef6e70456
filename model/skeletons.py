"""Joints, by name and by parent."""

SMPL_24_JOINT_NAMES = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hand",
    "right_hand",
)
"""The joints of SMPL, in its order. Left is the person's own left, at positive x.

Source: Loper et al., SMPL: A Skinned Multi-Person Linear Model, SIGGRAPH Asia 2015.
"""

SMPL_24_PARENTS = (
    *(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8),
    *(9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21),
)
"""Index of each joint's parent; the root has none (-1). Parents come before their children."""

MEDIAPIPE_33_NAMES = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)
"""The landmarks of MediaPipe Pose, in its order. Left is the person's own left.

Source: Bazarevsky et al., BlazePose, CVPR workshops 2020; MediaPipe's documentation.
"""

COCO_17_NAMES = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""The keypoints of COCO, in its order. Left is the person's own left.

Source: Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014; cocodataset.org.
"""

COCO_17_MIRRORED = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
"""Index of the keypoint that each one becomes in a mirror image."""

MEDIAPIPE_OF_COCO = tuple(MEDIAPIPE_33_NAMES.index(name) for name in COCO_17_NAMES)
"""Index of each of COCO's keypoints among MediaPipe's landmarks."""
