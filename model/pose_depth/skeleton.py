"""Bones of COCO's 17 keypoints, and how MediaPipe's 33 landmarks follow them."""

from model.skeletons import COCO_17_NAMES, MEDIAPIPE_33_NAMES

_INDEX = {name: index for index, name in enumerate(COCO_17_NAMES)}
_SIDES = ("left", "right")


def _pair(name: str) -> tuple[int, int]:
    return _INDEX[f"left_{name}"], _INDEX[f"right_{name}"]


def _limb(side: str, near: str, far: str) -> tuple[int, int]:
    return _INDEX[f"{side}_{near}"], _INDEX[f"{side}_{far}"]


SHOULDERS, HIPS = _pair("shoulder"), _pair("hip")
NOSE = _INDEX["nose"]
BODY = tuple(range(_INDEX["left_shoulder"], len(COCO_17_NAMES)))
"""Shoulders, elbows, wrists, hips, knees, ankles: all but the face."""
LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
"""Ends of upper arm, forearm, thigh and shin."""
BONES = (
    SHOULDERS,
    HIPS,
    *(_limb(side, "shoulder", "hip") for side in _SIDES),
    *(_limb(side, *ends) for ends in LIMBS for side in _SIDES),
)
"""Pairs of keypoints: shoulders, hips, both sides of the trunk, then each limb's left and right."""
SYMMETRIC_BONES = tuple((4 + 2 * limb, 5 + 2 * limb) for limb in range(len(LIMBS)))
"""Indices into `BONES`: the left and the right one of each limb."""


def _follows(name: str) -> int:
    """The keypoint that a landmark of MediaPipe moves with."""
    if name in _INDEX:
        return _INDEX[name]
    side, _, part = name.partition("_")
    if side == "mouth":
        return NOSE
    if part.startswith("eye"):
        return _INDEX[f"{side}_eye"]
    return _INDEX[f"{side}_ankle" if part in ("heel", "foot_index") else f"{side}_wrist"]


COCO_OF_MEDIAPIPE = tuple(_follows(name) for name in MEDIAPIPE_33_NAMES)
"""Index of the keypoint that each landmark is, or moves with: fingers with the wrist, the foot with
the ankle, the mouth with the nose."""
