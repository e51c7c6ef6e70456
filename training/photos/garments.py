"""Parts of skirts, dresses and coats, which stand off the body: what a map should say there.

H W a picture's size.
"""

import numpy as np
from scipy.ndimage import distance_transform_edt

from model.silhouette.confidence import person_sigma
from model.skeletons import COCO_17_NAMES
from training.datasets.bones import VISIBILITY, bone_line, visible_bones
from training.photos.boxes import box_of
from training.photos.coco_keypoints import pose_of
from training.photos.limbs import bone_kind, stature_of

GARMENTS = ("skirt", "dress", "coat")
"""Labels of clothes that hang or stand off the body."""
MIDDLE_SHARE = 0.25
"""The deepest part of a garment that counts as its middle."""
LIMB_RADII = {"thigh": 0.056, "shin": 0.035, "forearm": 0.035}
"""Of heavy people's limbs that may be in a garment below the hips, over the stature."""
FAR = 1.35
"""What is further from every bone than so many of these radii is far from the limbs."""
LEAST_FAR = 0.005
"""Share of a person that must be far cloth to say something."""
_HIPS = [COCO_17_NAMES.index(f"{side}_hip") for side in ("left", "right")]


def garment_parts(
    garment: np.ndarray, background: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Outer edge and middle of a garment, each (H, W) bool.

    A pixel's depth is its distance to the nearest background pixel. The outer edge is what is no
    deeper than one sigma (`person_sigma`, at least a pixel), where the target has lost 40 %. The
    middle is the deepest quarter of the garment's pixels. Seams to skin, hair, bags or other
    garments are no outer edge, nor is the photo's own border.

    None where that says nothing: no garment, no background, no outer edge (a skirt under a coat),
    or a middle that lies in the edge because the garment shows only as a narrow strip.

    Args:
        garment: (H, W) bool.
        background: (H, W) bool.
    """
    if not garment.any() or not background.any():
        return None
    depth = distance_transform_edt(~background)
    near = max(1.0, person_sigma(~background))
    edge = garment & (depth <= near)
    deep = float(np.quantile(depth[garment], 1 - MIDDLE_SHARE))
    if not edge.any() or deep <= near:
        return None
    return edge, garment & (depth >= deep)


def far_cloth(garment: np.ndarray, person: np.ndarray, keypoints: np.ndarray) -> np.ndarray | None:
    """Pixels of a garment below the hips with no limb near: nothing of the body is behind them.

    The stature is the taller of what the bones say and the person's box.

    Args:
        garment: (H, W) bool, labelled as one of GARMENTS.
        person: (H, W) bool, all that is labelled as the person.
        keypoints: (17, 3) of the person; see `training.photos.coco_keypoints`.

    Returns:
        (H, W) bool; None where not all bones of both legs are visible, or hardly any pixel is far.
    """
    height, width = garment.shape
    seen = pose_of(keypoints, (height, width))
    if sum(bone_kind(bone.name) in {"thigh", "shin"} for bone in visible_bones(seen)) < 4:
        return None
    _, top, _, bottom = box_of(person).tolist()
    stature = max(stature_of(keypoints), bottom - top)
    far = garment.copy()
    far[: int(keypoints[_HIPS, 1].max()) + 1] = False
    # An arm that is hidden in a sleeve is where it is believed to be.
    everywhere = np.column_stack([keypoints[:, :2], np.full(len(keypoints), VISIBILITY)])
    pose = pose_of(everywhere, (height, width))
    for bone in visible_bones(pose):
        line = bone_line(bone, pose, (height, width), 1)
        if (kind := bone_kind(bone.name)) in LIMB_RADII and line.any():
            far &= distance_transform_edt(~line) > FAR * LIMB_RADII[kind] * stature
    return far if far.sum() >= max(1, LEAST_FAR * person.sum()) else None
