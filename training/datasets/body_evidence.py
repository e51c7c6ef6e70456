"""What a labelled photo says for certain about the bodies in it.

A person's mask holds the body and what is worn on it. So all outside the masks is background, and
of the inside only what cannot be cloth is body: labelled skin, the middle of the head, the torso
between its joints, and what is nearer to a bone than a slim limb's surface. The rest is unknown.

H W the picture's size.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from PIL import Image, ImageDraw

from model.skeletons import COCO_17_NAMES
from training.datasets.bones import (
    LARGEST_BACKGROUND,
    VISIBILITY,
    background_share,
    bone_line,
    visible_bones,
)
from training.datasets.coco_keypoints import pose_of
from training.datasets.limbs import bone_kind, stature_of
from training.datasets.photo_label import NOBODY, UNKNOWN_PERSON, LabelledPerson

UNKNOWN, BACKGROUND, SKIN, BODY = 0, 1, 2, 3
"""Of a pixel: nothing is known; it shows no body; it is labelled as skin; there is body by its
place, whatever is worn over it."""
RADII = {
    **{"upper_arm": 0.012, "forearm": 0.008, "thigh": 0.022, "shin": 0.010, "spine": 0.03},
    **{"shoulders": 0.01, "hips": 0.02},
}
"""Distance from a bone within which all is body, over the stature.

Of rendered people, whose bodies are known, at most 0.1 % of the pixels that a bone of these radii
leaves inside the dressed outline lay beside the body, and at most 2 % with joints moved by 1 % of
the stature in x and y.
"""
HEAD_RADIUS = 0.028
"""Likewise from the middle of the nose, eyes and ears."""
LEAST_FACE = 3
"""How many of these must be visible."""
SHOULDERS_INWARD = 0.2
"""How far the torso's upper corners are moved from the shoulders to the middle between them: a slim
waist is narrower than what is between the joints."""
_FACE = [COCO_17_NAMES.index(f) for f in ("nose", "left_eye", "right_eye", "left_ear", "right_ear")]
_SHOULDERS, _HIPS = (
    [COCO_17_NAMES.index(f"{side}_{joint}") for side in ("left", "right")]
    for joint in ("shoulder", "hip")
)


def body_evidence(
    ids: np.ndarray, people: Sequence[LabelledPerson], skin: np.ndarray | None = None
) -> np.ndarray:
    """What each pixel shows, (H, W) uint8: UNKNOWN, BACKGROUND, SKIN or BODY.

    Args:
        ids: (H, W) uint8: NOBODY, UNKNOWN_PERSON, or 1 and up for `people`.
        people: In the photo.
        skin: (H, W) bool, labelled as such.
    """
    known = np.full(ids.shape, UNKNOWN, np.uint8)
    for number, person in enumerate(people, 1):
        outside = (ids != number) & (ids != UNKNOWN_PERSON)
        for region in _regions(person.keypoints, (ids.shape[0], ids.shape[1]), outside):
            known[region & ~outside] = BODY
    known[ids == NOBODY] = BACKGROUND
    if skin is not None:
        known[skin] = SKIN
    return known


def _regions(
    keypoints: np.ndarray, size: tuple[int, int], outside: np.ndarray
) -> Iterator[np.ndarray]:
    """(H, W) bool each: what is body wherever it is not hidden."""
    stature, pose = stature_of(keypoints), pose_of(keypoints, size)
    for bone in visible_bones(pose):
        middle = bone_line(bone, pose, size, 1)
        if background_share(middle, outside) <= LARGEST_BACKGROUND:
            yield bone_line(bone, pose, size, max(1, 2 * RADII[bone_kind(bone.name)] * stature))
    points, visible = keypoints[:, :2], keypoints[:, 2] >= VISIBILITY
    if visible[_SHOULDERS].all() and visible[_HIPS].all():
        middle_point = points[_SHOULDERS].mean(0)
        upper = points[_SHOULDERS] + SHOULDERS_INWARD * (middle_point - points[_SHOULDERS])
        yield _hull(np.concatenate([upper, points[_HIPS]]), size)
    if visible[_FACE].sum() >= LEAST_FACE:
        centre = points[_FACE][visible[_FACE]].mean(0)
        rows, columns = np.ogrid[: size[0], : size[1]]
        squares = np.square(columns + 0.5 - centre[0]) + np.square(rows + 0.5 - centre[1])
        yield squares <= np.square(HEAD_RADIUS * stature)


def _hull(corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: inside of four points in any order, which is that of their triangles."""
    picture = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(picture)
    for three in combinations(corners.tolist(), 3):
        draw.polygon([(x, y) for x, y in three], fill=1)
    mask: np.ndarray = np.asarray(picture, bool)
    return mask
