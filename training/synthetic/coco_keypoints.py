"""COCO's 17 keypoints of a rendered person, and which of them are seen.

Nose, eyes, ears, shoulders, elbows, wrists, hips, knees and ankles are where Anny's own regressor
puts them: each is a weighted mean of the body's vertices, so it follows pose and build.

Source: Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014; the `anny` package,
`anny.KeypointsRegressor.coco` (Apache-2.0).

V vertices of the body, P samples of a picture that show something solid.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from model.skeletons import COCO_17_NAMES, SMPL_24_JOINT_NAMES
from training.synthetic.accessories import HANDS
from training.synthetic.bodies import Floats, Ints
from training.synthetic.cameras import Camera

SEEN, HIDDEN, OUTSIDE = 1.0, 0.5, 0.0
"""Visibility: in sight, clothed or not; inside the picture but behind something; outside it."""
CLOTH, HAIR = 0.06, 0.025
"""Metres of clothes over a keypoint that is still seen, and of hair over one of the head."""
_AROUND = 0.03
"""Metres around a keypoint within which the body's thickness over it is measured."""
_EVERY = 3
"""One vertex in so many is looked at for that."""
_FLESH = 1.3
"""The thickness grows by this factor when seen from aside."""
_SIDES = ("left", "right")
_LIMBS = {
    "arm": ("shoulder", "elbow", "wrist", "hand"),
    "leg": ("hip", "knee", "ankle", "foot"),
}
_TRUNK = -1


def _limb(name: str) -> int:
    """Left arm 0, left leg 1, right arm 2, right leg 3; -1 for trunk and head."""
    side, _, part = name.partition("_")
    for number, parts in enumerate(_LIMBS.values()):
        if side in _SIDES and part in parts:
            return number + len(_LIMBS) * _SIDES.index(side)
    return _TRUNK


_LIMB_OF_JOINT = np.array([_limb(name) for name in (*SMPL_24_JOINT_NAMES, *HANDS)])
_COVER = np.full(len(COCO_17_NAMES), CLOTH)
_COVER[:5] = HAIR  # nose, eyes, ears
_LIMB_OF_KEYPOINT = np.array([_limb(name) for name in COCO_17_NAMES])


@dataclass(frozen=True)
class Seen:
    """What a picture's samples show."""

    pixels: Ints
    """(P,) flat indices of the samples, ascending."""
    faces: Ints
    """(P,) triangle of each."""
    points: Floats
    """(P, 3) place of each, in the camera's frame."""
    samples: int
    """Along each side of a pixel."""


class CocoKeypoints:
    """Finds the keypoints of any body; holds what is the same for all of them."""

    def __init__(self, weights: Floats) -> None:
        """Prepare.

        Args:
            weights: (17, V) of the naked body's vertices, `BodySource.coco_weights`.
        """
        rows = weights / weights.sum(1, keepdims=True)
        self._weights = scipy.sparse.csr_array(rows.astype(np.float32))

    def points(self, vertices: Floats) -> Floats:
        """Of a body's vertices (V, 3), in any pose: (17, 3)."""
        points: Floats = self._weights @ vertices
        return points

    def cover(self, vertices: Floats, dominant: Ints) -> Floats:
        """How far own skin and clothes may lie before each keypoint that is seen, (17,) in metres.

        Args:
            vertices: (V, 3) of the body in T-pose.
            dominant: (V,) the joint that moves each vertex most.
        """
        few = vertices[::_EVERY]
        limbs = _LIMB_OF_JOINT[dominant[::_EVERY], None]
        points = self.points(vertices)
        own = (limbs == _LIMB_OF_KEYPOINT) | (limbs == _TRUNK)
        near = (np.abs(few[:, None, :2] - points[:, :2]) < _AROUND).all(-1)
        # The front alone: what lies behind a nose is a head.
        reach = np.where(own & near, few[:, 2:] - points[:, 2], 0).max(0)
        limits: Floats = (reach * _FLESH + _COVER).astype(np.float32)
        return limits


def locate(
    camera: Camera,
    points: Floats,
    cover: Floats,
    seen: Seen,
    num_own: int,
    faces: Ints,
    lbs_weights: Floats,
) -> Floats:
    """Keypoints in the picture: (17, 3) pixels x, y and visibility.

    A keypoint is seen where what is drawn over it is the person's own skin or clothes there: not a
    thing before the person, not another limb, not a body turned away.

    Args:
        camera: Who looks.
        points: (17, 3) in the camera's frame.
        cover: (17,) from `CocoKeypoints.cover`.
        seen: What was drawn.
        num_own: How many triangles are the person's; those of things follow.
        faces: (F, 3) of the scene.
        lbs_weights: Of the person's vertices, (V, 26).
    """
    pixels = camera.project(points)
    height, width = camera.size
    visibility = np.full(len(points), SEEN, np.float32)
    outside = (pixels < 0).any(1) | (pixels >= [width, height]).any(1) | (points[:, 2] >= 0)
    visibility[outside] = OUTSIDE
    for number in np.flatnonzero(~outside):
        column, row = np.floor(pixels[number] * seen.samples).astype(int)
        flat = row * width * seen.samples + column
        place = int(np.searchsorted(seen.pixels, flat))
        if place == len(seen.pixels) or seen.pixels[place] != flat:
            continue
        nearer = float(seen.points[place, 2] - points[number, 2])
        face = int(seen.faces[place])
        if face >= num_own:
            hidden = nearer > 0
        else:
            limb = int(_LIMB_OF_JOINT[lbs_weights[faces[face]].sum(0).argmax()])
            own = limb in (_TRUNK, _LIMB_OF_KEYPOINT[number])
            hidden = nearer > cover[number] or (nearer > 0 and not own)
        if hidden:
            visibility[number] = HIDDEN
    located: Floats = np.concatenate([pixels, visibility[:, None]], 1).astype(np.float32)
    return located
