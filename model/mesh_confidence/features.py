"""What a mesh is judged by: one function for training and serving.

Distances are in units of half the side of a square crop around the person, so that 0.1 is 11 pixels
of a crop of 224. They are measured after both skeletons were aligned at the spine.

Source of distances and units: Jafarian, Qureshi, Error Estimation for Single-Image Human Body Mesh
Reconstruction, arXiv 2305.17245, section 3, and its code, which aligns in training alone.

N people.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from model.errors import InvalidInputError
from model.mesh_confidence.joints import LEFT_HIP, NECK, NUM_JOINTS, RIGHT_HIP, spine_of

CROP_MARGIN = 1.2
"""Side of the crop over the longer side of the box of the projected joints."""
MAX_DISTANCE = 3.0
"""Distances are cut there: the crop's diagonal is 2.8."""
CHANNELS = ("distance", "score", "residual", "low_confidence", "deviation")
"""Of a joint in `MeshFeatures.values`: distance to the detected joint after the alignment; the
detector's score; the same distance without the alignment; the share of the part of the projected
mesh around the joint that is on low confidence; the regressor's own deviation."""
NUM_CHANNELS = len(CHANNELS)
DISTANCE, SCORE = 0, 1


@dataclass(frozen=True)
class MeshObservation:
    """A regressor's mesh of one person beside a detector's keypoints, both in one picture."""

    projected: Float32[np.ndarray, "14 2"]
    """The mesh's joints in pixels."""
    detected: Float32[np.ndarray, "14 3"]
    """The detector's x, y in pixels and score in [0, 1]. A score of 0, or coordinates that are not
    finite, mean that the joint was not found."""
    crop: Float32[np.ndarray, "3"] | None = None
    """x, y of the centre and the side of a square around the person, in pixels. None: `crop_of` the
    projected joints."""
    low_confidence: Float32[np.ndarray, "14"] | None = None
    """Share in [0, 1] of the part of the projected mesh around each joint that is on low
    confidence; None if there is no confidence map."""
    deviation: Float32[np.ndarray, "14"] | None = None
    """The regressor's own standard deviation of each joint, in units of half the crop; None if it
    gives none."""

    def features(self) -> Float32[np.ndarray, "14 5"]:
        """`CHANNELS` of each joint; NaN where there is none.

        Raises:
            InvalidInputError: The projected joints or the crop are not finite, or the crop is
                empty.
        """
        if not np.isfinite(self.projected).all():
            raise InvalidInputError("projected holds numbers that are not finite")
        crop = crop_of(self.projected) if self.crop is None else self.crop
        if not (np.isfinite(crop).all() and crop[2] > 0):
            raise InvalidInputError(
                f"crop is {crop.tolist()}; a centre and a positive side are needed"
            )
        found = is_found(self.detected)
        values = np.full((NUM_JOINTS, NUM_CHANNELS), np.nan, np.float32)
        detected = np.where(found[:, None], self.detected[:, :2], 0)
        can_align = bool(found[[RIGHT_HIP, LEFT_HIP, NECK]].all())
        half = float(crop[2]) / 2
        aligned = aligned_distances(self.projected, detected, half)
        residual = np.linalg.norm(self.projected - detected, axis=-1) / half
        values[:, 0] = np.where(found, aligned if can_align else residual, np.nan)
        values[:, 1] = np.where(found, self.detected[:, 2], 0)
        values[:, 2] = np.where(found, residual, np.nan)
        if self.low_confidence is not None:
            values[:, 3] = self.low_confidence
        if self.deviation is not None:
            values[:, 4] = self.deviation
        return values


def is_found(detected: Float[np.ndarray, "*n 14 3"]) -> Bool[np.ndarray, "*n 14"]:
    """Whether the detector found each joint."""
    found: np.ndarray = np.isfinite(detected).all(-1) & (np.nan_to_num(detected[..., 2]) > 0)
    return found


def crop_of(projected: Float[np.ndarray, "14 2"]) -> Float32[np.ndarray, "3"]:
    """A square around the projected joints: x, y of its centre and its side, in pixels.

    Raises:
        InvalidInputError: All joints are at one place.
    """
    low, high = projected.min(0), projected.max(0)
    side = CROP_MARGIN * float((high - low).max())
    if not side > 0:
        raise InvalidInputError("the projected joints are all at one place; a body is needed")
    return np.array([*((low + high) / 2), side], np.float32)


def aligned_distances(
    joints: Float[np.ndarray, "*n 14 2"],
    others: Float[np.ndarray, "*n 14 2"],
    half_side: Float[np.ndarray, "*n"] | float,
) -> Float[np.ndarray, "*n 14"]:
    """Distance of each joint from its counterpart after both were moved onto one spine.

    Args:
        joints: In pixels.
        others: Likewise.
        half_side: Of the crop, in pixels: the unit of the result.
    """
    offsets = joints - others - (spine_of(joints) - spine_of(others))[..., None, :]
    distances: np.ndarray = np.linalg.norm(offsets, axis=-1) / np.asarray(half_side)[..., None]
    return distances
