"""A reconstructed body in a photo to the observation that a mesh is judged by.

V vertices, N betas, H W the picture's size.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32

from model.body.predictor import BodyPredictor
from model.mesh_confidence.colours import SMPL_SHARES
from model.mesh_confidence.features import MeshObservation, crop_of
from model.mesh_confidence.joints import to_joints

LOW_CONFIDENCE = 0.5
"""A confidence map is low below this."""
LEAST_DEPTH = 0.05
"""Metres before the camera: nearer points are seen as if they were there."""


@runtime_checkable
class SeenBody(Protocol):
    """A body before a camera.

    Axes: x right, y down, z forward. A point is seen at focal * (x, y) / z + centre.
    """

    @property
    def vertices(self) -> Float32[np.ndarray, "V 3"]:
        """In metres."""

    @property
    def joints(self) -> Float32[np.ndarray, "24 3"]:
        """SMPL's, in metres."""

    @property
    def focal_px(self) -> float:
        """Of the camera."""

    @property
    def centre_px(self) -> tuple[float, float]:
        """Of the camera."""

    @property
    def keypoints(self) -> Float32[np.ndarray, "17 3"]:
        """COCO's: x, y in pixels and score, as a detector found them."""

    @property
    def covariance(self) -> Float32[np.ndarray, "N N"]:
        """Of the betas."""


class MeshObserver:
    """Makes observations of bodies of one asset; holds what is the same for all of them."""

    def __init__(self, body: BodyPredictor, keypoint_weights: Float[np.ndarray, "17 V"]) -> None:
        """Take the asset.

        Args:
            body: The asset.
            keypoint_weights: COCO's keypoints as weighted sums of its vertices; rows sum to one.
        """
        self._keypoint_weights = keypoint_weights.astype(np.float32)
        self._labels = body.part_labels
        basis = body.smpl.joint_basis.float().cpu().numpy()
        joints = basis.reshape(len(basis), 3, -1).transpose(2, 1, 0)
        # What all joints move by is no error of a joint.
        self._joint_basis: Float32[np.ndarray, "24 3 N"] = joints - joints[:1]

    def observe(
        self, seen: SeenBody, confidence: Float32[np.ndarray, "H W"] | None = None
    ) -> MeshObservation:
        """What the mesh is judged by.

        Args:
            seen: The body.
            confidence: The confidence map of the picture.
        """
        places = self._keypoint_weights @ seen.vertices
        projected = to_joints(_pixels(places, seen)[None], "keypoints")[0]
        low = None if confidence is None else self._low_confidence(seen, confidence)
        return MeshObservation(
            projected=projected,
            detected=to_joints(seen.keypoints[None], "keypoints")[0],
            low_confidence=low,
            deviation=self._deviation(seen, float(crop_of(projected)[2]) / 2),
        )

    def _low_confidence(
        self, seen: SeenBody, confidence: Float32[np.ndarray, "H W"]
    ) -> Float32[np.ndarray, "14"]:
        """Share of the vertices around each joint that are seen on low confidence.

        What lies outside of the picture is.
        """
        height, width = confidence.shape
        columns, rows = np.floor(_pixels(seen.vertices, seen)).T
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        low = ~inside
        flat = rows[inside].astype(np.int64) * width + columns[inside].astype(np.int64)
        low[inside] = confidence.ravel()[flat] < LOW_CONFIDENCE
        number = len(SMPL_SHARES)
        counts = np.bincount(self._labels, minlength=number) @ SMPL_SHARES
        lows = np.bincount(self._labels[low], minlength=number) @ SMPL_SHARES
        shares: np.ndarray = (lows / np.maximum(counts, 1e-6)).astype(np.float32)
        return shares

    def _deviation(self, seen: SeenBody, half: float) -> Float32[np.ndarray, "14"]:
        """Of each joint, from the covariance of the betas, in units of half the crop."""
        basis = self._joint_basis[..., : len(seen.covariance)]
        variance = np.einsum("jxn,nm,jxm->j", basis, seen.covariance, basis, optimize=True)
        pixels = seen.focal_px / np.maximum(seen.joints[:, 2], LEAST_DEPTH)
        deviations = np.sqrt(np.maximum(variance, 0)) * pixels / half
        return to_joints(deviations[None, :, None], "joints")[0, :, 0]


def _pixels(points: Float32[np.ndarray, "P 3"], seen: SeenBody) -> Float32[np.ndarray, "P 2"]:
    depth = np.maximum(points[:, 2:], LEAST_DEPTH)
    pixels: np.ndarray = points[:, :2] * (seen.focal_px / depth) + np.array(
        seen.centre_px, np.float32
    )
    return pixels.astype(np.float32)
