"""Points on the skin that a tape starts from, found on the mean body and followed to every other.

They are found from joints, skinning weights and the surface, so that any topology has them. Each
rides on the triangle in which it was found.

V vertices, F triangles, L landmarks, B bodies. Metres, Y up, facing +Z, T-pose.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from model.errors import AssetError
from model.skeletons import SMPL_24_JOINT_NAMES

X, Y, Z = 0, 1, 2
WAIST = 0.315
"""Height of the waist on the way from the crotch up to the base of the neck. There the navel of the
open body is, which stands for the middle between the lowest rib and the hip bone."""
NUM_SPINE_POINTS = 24
_CHEST = (0.45, 0.85)
"""Where the most forward point of the chest is, on the way from the waist up to the shoulders."""
_BREAST = 0.06
"""Statures from the most forward point of the chest down to the belly."""
_STEP = 0.001
_ON_EDGE = 1e-9
"""Tolerance of barycentric coordinates: the midline of a body runs along its edges."""


@dataclass(frozen=True)
class Landmarks:
    """Points that ride on triangles."""

    vertices: Int[np.ndarray, "L 3"]
    weights: Float[np.ndarray, "L 3"]
    """Barycentric; rows sum to one."""

    def on(self, bodies: Float[np.ndarray, "B V 3"]) -> Float[np.ndarray, "B L 3"]:
        """Where they are on bodies of the same topology."""
        corners: np.ndarray = bodies[:, self.vertices]
        points: np.ndarray = np.einsum("blcx,lc->blx", corners, self.weights.astype(bodies.dtype))
        return points

    @classmethod
    def joined(cls, parts: "Sequence[Landmarks]") -> "Landmarks":
        """Several as one."""
        return cls(
            np.concatenate([part.vertices for part in parts]),
            np.concatenate([part.weights for part in parts]),
        )


class LandmarkFinder:
    """Finds landmarks on the mean body of an asset."""

    def __init__(
        self,
        template: Float[np.ndarray, "V 3"],
        faces: Int[np.ndarray, "F 3"],
        edges: Int[np.ndarray, "E 2"],
        joints: Float[np.ndarray, "24 3"],
        labels: Int[np.ndarray, "V"],  # noqa: F821
    ) -> None:
        """Take the mean body.

        Args:
            template: Its vertices.
            faces: Its triangles.
            edges: Their edges, each once.
            joints: In SMPL's order.
            labels: For each vertex, the joint that moves it most.
        """
        self._faces, self._edges = faces, edges
        self.template = template
        self.joints = dict(zip(SMPL_24_JOINT_NAMES, joints, strict=True))
        self._labels = labels
        corners = template[faces]
        self._low, self._high = corners.min(axis=1) - _ON_EDGE, corners.max(axis=1) + _ON_EDGE
        self._middle = float(self.joints["pelvis"][X])

    def crotch(self) -> Landmarks:
        """The midline between the legs, from the knees' height up to the hips': its lowest point.

        All of it, for another point is the lowest of another body.
        """
        aside = self.template[self._edges, X] - self._middle
        near, far = aside[:, 0], aside[:, 1]
        crossing = (near > 0) != (far > 0)
        edges, near, far = self._edges[crossing], near[crossing], far[crossing]
        share = near / (near - far)
        ends = self.template[edges, Y]
        heights = ends[:, 0] + share * (ends[:, 1] - ends[:, 0])
        knee, hip = (self.joints[f"right_{name}"][Y] for name in ("knee", "hip"))
        inside = (knee < heights) & (heights < hip)
        if not inside.any():
            raise AssetError("the body cannot be measured: nothing joins its legs below the hips")
        edges, share = edges[inside], share[inside]
        return Landmarks(
            edges[:, [0, 1, 1]], np.stack([1 - share, share, np.zeros_like(share)], axis=1)
        )

    def nose(self) -> Landmarks:
        """The most forward point of the head."""
        return self._foremost(self._labels == SMPL_24_JOINT_NAMES.index("head"), "head")

    def bust(self, waist: float) -> Landmarks:
        """The most forward point of either half of the chest, right and left: the nipples' level.

        Args:
            waist: Its height.
        """
        heights = self.template[:, Y]
        low, high = (waist + share * (self.joints["right_shoulder"][Y] - waist) for share in _CHEST)
        chest = (low < heights) & (heights < high)
        right = self.template[:, X] < self._middle
        halves = [self._foremost(chest & half, "chest") for half in (right, ~right)]
        return Landmarks.joined(halves)

    def underbust(self, bust: Landmarks) -> Landmarks:
        """Where the breast meets the belly, right and left.

        Straight below the most forward point of the chest: what lies furthest behind the line from
        there to the belly, which would be the fold of a breast.

        Args:
            bust: From the method of that name.
        """
        stature = np.ptp(self.template[:, Y])
        found = []
        for x, y, _ in bust.on(self.template[None])[0]:
            levels = np.arange(y, y - _BREAST * stature, -_STEP)
            profile = [self._outermost(Z, 1, x, level) for level in levels]
            depths = Landmarks.joined(profile).on(self.template[None])[0, :, Z]
            behind = np.linspace(depths[0], depths[-1], len(levels)) - depths
            found.append(profile[int(behind.argmax())])
        return Landmarks.joined(found)

    def above(self, *names: str) -> Landmarks:
        """The skin straight above joints: of a raised arm, its outside."""
        return Landmarks.joined(
            [self._outermost(Y, 1, self.joints[n][Z], self.joints[n][X]) for n in names]
        )

    def spine(self, waist: float) -> Landmarks:
        """The midline of the back from the seventh neck vertebra down to the waist.

        The vertebra is where the plane across the neck's base meets the back.

        Args:
            waist: Height of the lowest point.
        """
        neck = self.joints["neck"]
        axis = self.joints["head"] - neck
        behind = self._outermost(Z, -1, self._middle, neck[Y]).on(self.template[None])[0, 0, Z]
        vertebra = neck[Y] + (neck[Z] - behind) * axis[Z] / axis[Y]
        levels = np.linspace(vertebra, waist, NUM_SPINE_POINTS)
        return Landmarks.joined([self._outermost(Z, -1, self._middle, y) for y in levels])

    def _foremost(self, among: np.ndarray, where: str) -> Landmarks:
        """A vertex: the extreme point of a surface of triangles always is one."""
        if not among.any():
            raise AssetError(f"the body has no vertices at its {where}")
        vertex = np.where(among, self.template[:, Z], -np.inf).argmax()
        return Landmarks(np.full((1, 3), vertex), np.array([[1.0, 0.0, 0.0]]))

    def _outermost(self, axis: int, sign: int, first: float, second: float) -> Landmarks:
        """Where a line along an axis leaves the body.

        Args:
            axis: Of the line.
            sign: Towards which end of it.
            first: The line's coordinate along the cyclically next axis: x of a line along z, z of
                one along y.
            second: Along the axis after that.
        """
        u, v = (axis + 1) % 3, (axis + 2) % 3
        line = np.array([first, second])
        near = (self._low[:, [u, v]] <= line) & (line <= self._high[:, [u, v]])
        faces = self._faces[near.all(axis=1)]
        corners = self.template[faces]
        a, b, c = (corners[..., [u, v]] - line).transpose(1, 0, 2)
        # Twice the signed areas of the line's point with each side.
        parts = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=-1)
        area = parts.sum(axis=1, keepdims=True)
        shares = parts / np.where(area == 0, np.nan, area)  # triangles seen edge-on are not hit
        hit = np.flatnonzero((shares >= -_ON_EDGE).all(axis=1))
        if len(hit) == 0:
            raise AssetError(
                "the body cannot be measured: it has no surface at "
                f"{'xyz'[u]} = {first:.3f} m, {'xyz'[v]} = {second:.3f} m"
            )
        depths = (shares[hit] * corners[hit, :, axis]).sum(axis=1)
        face = hit[(sign * depths).argmax()]
        return Landmarks(faces[face][None], shares[face][None])


def _cross(one: Float[np.ndarray, "F 2"], other: Float[np.ndarray, "F 2"]) -> np.ndarray:
    area: np.ndarray = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    return area
