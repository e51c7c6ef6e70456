"""What a photo does not show of a person, from box and keypoints.

Keypoints in the order of COCO's 17; K of them. Pixels of the picture, x right and y down.
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Float32

from model.reconstruction.result import Warned
from model.skeletons import COCO_17_NAMES

SEEN = 0.3
"""Score from which a keypoint counts as seen."""
EDGE = 0.02
"""A box ends at the picture's edge if less than this share of its longer side is between."""
SMALL_PX = 100
"""A person whose box is shorter along both sides is small."""
CHEST = 1.2
"""A trunk that is shown for less than this, in distances from the nose to the shoulders, is cut at
the chest. Hips are at about two."""
TURNED = 0.25
"""Sine of the angle between trunk and shoulders from which they tell front from back."""
UPSIDE_DOWN_DEG = 120.0
"""From the picture's downward direction to that from shoulders to hips."""
SHARES = {
    "nose": 0.02,
    "eye": 0.01,
    "ear": 0.01,
    "shoulder": 0.14,
    "elbow": 0.04,
    "wrist": 0.02,
    "hip": 0.14,
    "knee": 0.09,
    "ankle": 0.04,
}
"""Share of the body that each keypoint stands for, roughly by mass; both sides sum to 1."""
CODES = {
    "scale-unknown": "no height was given, so the size of the body is a guess",
    "small": "the person is small in the picture",
    "cut-at-chest": "the picture ends at the chest",
    "cut-at-hip": "the picture ends at the hips",
    "cut-at-knee": "the picture ends at the knees",
    "feet-outside": "the feet are outside the picture",
    "head-outside": "the head is outside the picture",
    "hidden": "a part of the person is hidden",
    "turned-away": "the person is turned away from the camera",
    "upside-down": "the person is upside down in the picture",
}
"""All warnings, and what each means."""
_PARTS = {name: COCO_17_NAMES.index(name) for name in COCO_17_NAMES}
_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


def share_seen(keypoints: Float32[np.ndarray, "K 3"]) -> float:
    """Share of the body that a picture shows, in [0, 1].

    Args:
        keypoints: x, y and score.
    """
    shares = np.array([SHARES[name.rpartition("_")[2]] for name in COCO_17_NAMES])
    return float(shares[_seen(keypoints)].sum() / shares.sum())


def warnings_of(
    box: Float32[np.ndarray, "4"],
    keypoints: Float32[np.ndarray, "K 3"],
    size: tuple[int, int],
    height_known: bool,
) -> tuple[Warned, ...]:
    """Why to trust a result less.

    Args:
        box: Around what is seen of the person.
        keypoints: x, y and score.
        size: (height, width) of the picture.
        height_known: Whether the caller said how tall the person is.
    """
    found = [] if height_known else [_warned("scale-unknown")]
    longer = float(max(box[2] - box[0], box[3] - box[1]))
    if longer < SMALL_PX:
        found.append(_warned("small", f"{longer:.0f} pixels; {SMALL_PX} or more are better"))
    seen = _seen(keypoints)
    if _is_cut(box, size):
        found += _cuts(box, keypoints, seen)
    elif not all(_has(seen, part) for part in ("shoulder", "hip", "knee", "ankle")):
        found.append(_hidden(seen, "hidden"))
    down = _trunk(keypoints, seen)
    if down is not None:
        angle = math.degrees(math.atan2(abs(float(down[0])), float(down[1])))
        if angle > UPSIDE_DOWN_DEG:
            found.append(_warned("upside-down", "turn the picture for a better result"))
        if _is_turned_away(keypoints, seen, down):
            found.append(_warned("turned-away"))
    return tuple(found)


def _cuts(
    box: Float32[np.ndarray, "4"],
    keypoints: Float32[np.ndarray, "K 3"],
    seen: Bool[np.ndarray, "K"],  # noqa: F821
) -> list[Warned]:
    """Of a person whose box ends at an edge of the picture: what is not seen."""
    cuts = []
    if not any(seen[_PARTS[name]] for name in _HEAD):
        cuts.append(_hidden(seen, "head-outside"))
    if not _has(seen, "ankle"):
        if _has(seen, "knee"):
            code = "feet-outside"
        elif _has(seen, "hip"):
            code = "cut-at-knee"
        else:
            at_chest = _trunk_shown(box, keypoints, seen) < CHEST
            code = "cut-at-chest" if at_chest else "cut-at-hip"
        cuts.append(_hidden(seen, code))
    return cuts


def _trunk_shown(
    box: Float32[np.ndarray, "4"],
    keypoints: Float32[np.ndarray, "K 3"],
    seen: Bool[np.ndarray, "K"],  # noqa: F821
) -> float:
    """How much of the trunk is above the end of the box, in distances from nose to shoulders.

    It is 0 where nose or shoulders are not seen.
    """
    shoulders = [_PARTS["left_shoulder"], _PARTS["right_shoulder"]]
    if not (seen[_PARTS["nose"]] and seen[shoulders].all()):
        return 0.0
    nose, middle = keypoints[_PARTS["nose"], :2], keypoints[shoulders, :2].mean(axis=0)
    unit = float(np.linalg.norm(middle - nose))
    return float(box[3] - middle[1]) / max(unit, 1e-6)


def _hidden(seen: Bool[np.ndarray, "K"], code: str) -> Warned:  # noqa: F821
    unseen = [
        name.replace("_", " ")
        for name in COCO_17_NAMES
        if not seen[_PARTS[name]] and name not in _HEAD
    ]
    if code == "head-outside":
        unseen.insert(0, "head")
    return _warned(code, f"not seen: {', '.join(unseen)}" if unseen else "")


def _trunk(
    keypoints: Float32[np.ndarray, "K 3"],
    seen: Bool[np.ndarray, "K"],  # noqa: F821
) -> Float[np.ndarray, "2"] | None:
    """From the shoulders to the hips, or else from the head to the shoulders; None without both."""
    head, shoulders, hips = (_middle(keypoints, seen, part) for part in (_HEAD, "shoulder", "hip"))
    start, end = (shoulders, hips) if hips is not None else (head, shoulders)
    if start is None or end is None:
        return None
    down: np.ndarray = end - start
    return down


def _middle(
    keypoints: Float32[np.ndarray, "K 3"],
    seen: Bool[np.ndarray, "K"],  # noqa: F821
    part: str | tuple[str, ...],
) -> Float[np.ndarray, "2"] | None:
    names = (f"left_{part}", f"right_{part}") if isinstance(part, str) else part
    chosen = [_PARTS[name] for name in names if seen[_PARTS[name]]]
    if not chosen:
        return None
    middle: np.ndarray = keypoints[chosen, :2].astype(np.float64).mean(axis=0)
    return middle


def _is_turned_away(
    keypoints: Float32[np.ndarray, "K 3"],
    seen: Bool[np.ndarray, "K"],  # noqa: F821
    down: Float[np.ndarray, "2"],
) -> bool:
    """Whether the left shoulder is where a person who faces the camera has the right one."""
    left, right = _PARTS["left_shoulder"], _PARTS["right_shoulder"]
    if not (seen[left] and seen[right]):
        return False
    across = keypoints[left, :2].astype(np.float64) - keypoints[right, :2]
    size = float(np.linalg.norm(across) * np.linalg.norm(down))
    facing = float(across[0] * down[1] - across[1] * down[0])
    # Shoulders seen from the side are near each other: their order says nothing.
    return bool(facing < -TURNED * max(size, float(np.linalg.norm(down)) ** 2))


def _is_cut(box: Float32[np.ndarray, "4"], size: tuple[int, int]) -> bool:
    height, width = size
    left, top, right, bottom = box.tolist()
    near = EDGE * max(right - left, bottom - top)
    return left < near or top < near or right > width - near or bottom > height - near


def _has(seen: Bool[np.ndarray, "K"], part: str) -> bool:  # noqa: F821
    return bool(seen[_PARTS[f"left_{part}"]] or seen[_PARTS[f"right_{part}"]])


def _seen(keypoints: Float32[np.ndarray, "K 3"]) -> Bool[np.ndarray, "K"]:  # noqa: F821
    seen: np.ndarray = keypoints[:, 2] >= SEEN
    return seen


def _warned(code: str, more: str = "") -> Warned:
    return Warned(code, CODES[code] + (f": {more}" if more else ""))
