"""The 13 points of a skeleton, and the 14 limbs that are drawn between them."""

from model.skeletons import MEDIAPIPE_33_NAMES

POINT_NAMES = (
    "nose",
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
"""In the order of all arrays of points. Left is the person's own left."""
NUM_POINTS = len(POINT_NAMES)
OF_MEDIAPIPE = tuple(MEDIAPIPE_33_NAMES.index(name) for name in POINT_NAMES)
"""Index of each point among MediaPipe's landmarks."""
MIDDLES = {
    "neck": ("left_shoulder", "right_shoulder"),
    "pelvis": ("left_hip", "right_hip"),
}
"""Points that are drawn halfway between two others. Their indices follow those of the points."""
_ENDS = (*POINT_NAMES, *MIDDLES)
LIMBS = tuple(
    (_ENDS.index(one), _ENDS.index(other))
    for one, other in (
        ("pelvis", "neck"),
        ("left_shoulder", "left_elbow"),
        ("left_elbow", "left_wrist"),
        ("right_shoulder", "right_elbow"),
        ("right_elbow", "right_wrist"),
        ("neck", "left_shoulder"),
        ("neck", "right_shoulder"),
        ("neck", "nose"),
        ("pelvis", "left_hip"),
        ("pelvis", "right_hip"),
        ("right_hip", "right_knee"),
        ("right_knee", "right_ankle"),
        ("left_hip", "left_knee"),
        ("left_knee", "left_ankle"),
    )
)
"""Both ends of each limb, as indices of points and middles."""
NUM_LIMBS = len(LIMBS)
