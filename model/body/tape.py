"""Measures bodies in T-pose.

Levels and ends are landmarks of the mean body that are followed to each body, or the place where a
body reaches furthest or is largest around. A girth is that of the section's convex hull, as a tape
bridges hollows. Limbs are measured on the right.

B bodies, V vertices, K places, M measurements.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from model.body.landmarks import WAIST, LandmarkFinder, Y
from model.body.measurements import DENSITY, MEASUREMENTS
from model.body.metrics import check_metres
from model.body.sections import Bodies, Part, PerBody, Planes
from model.body.smpl import Smpl
from model.errors import InvalidInputError
from model.skeletons import SMPL_24_JOINT_NAMES

MAX_BEND_DEG = 20.0
"""How far a bone may point away from where it points in the mean body."""
_CHUNK = 8
"""Bodies at a time."""
_EYEBROWS = np.linspace(0.4, 0.7, 8)
"""On the way from the tip of the nose up to the top of the head."""
_CALF = np.linspace(0.2, 0.5, 7)
"""On the way from the knee down to the ankle."""
_NECK = np.linspace(0.05, 0.6, 8)
"""On the way from the base of the neck up to the skull."""
_BUTTOCKS = np.linspace(0.0, 1.0, 16)
"""On the way from the crotch up to the waist."""
_BELLY = np.linspace(0.6, 1.2, 12)
"""Likewise."""
_NEARLY = 0.003
"""Metres less than the furthest at which a place counts by 1/e."""
_FOLD = 0.04
"""Inside legs from the crotch down to the fold of the buttock."""
_SIDES = ("left", "right")
_ARM = ("shoulder", "elbow", "wrist", "hand")
_LEG = ("hip", "knee", "ankle", "foot")
_BONES = (
    ("pelvis", "neck"),
    *(
        (f"{side}_{near}", f"{side}_{far}")
        for side in _SIDES
        for near, far in [
            ("shoulder", "elbow"),
            ("elbow", "wrist"),
            ("hip", "knee"),
            ("knee", "ankle"),
        ]
    ),
)


class Tape:
    """Measures bodies of one topology."""

    def __init__(self, smpl: Smpl) -> None:
        """Prepare.

        Raises:
            AssetError: The asset's mean body cannot be measured.
        """
        template = smpl.v_template.double().cpu().numpy()
        self._num_vertices = len(template)
        self._regressor = smpl.J_regressor.double().cpu().numpy()
        self._faces = faces = smpl.faces.cpu().numpy()
        self._surface = np.unique(faces)
        sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        edges = np.unique(np.sort(sides, axis=1), axis=0)
        weights = smpl.lbs_weights.double().cpu().numpy()
        joints = self._regressor @ template
        self._mean_bones = _directions(joints[None])
        self._find_landmarks(LandmarkFinder(template, faces, edges, joints, weights.argmax(axis=1)))
        nose = self._nose.on(template[None])[0, 0, Y]
        self._choose_parts(weights, edges, template[:, Y] > nose)

    def _find_landmarks(self, finder: LandmarkFinder) -> None:
        self._crotch, self._nose = finder.crotch(), finder.nose()
        crotch = self._crotch.on(finder.template[None])[0, :, Y].min()
        waist = crotch + WAIST * (finder.joints["neck"][Y] - crotch)
        self._bust = finder.bust(waist)
        self._underbust = finder.underbust(self._bust)
        self._sleeve = finder.above("right_shoulder", "right_elbow", "right_wrist")
        self._shoulders = finder.above("right_shoulder", "left_shoulder")
        self._spine = finder.spine(waist)

    def _choose_parts(
        self,
        weights: Float[np.ndarray, "V 24"],
        edges: Int[np.ndarray, "E 2"],
        is_high: Bool[np.ndarray, "V"],  # noqa: F821
    ) -> None:
        """Of the head, what is above the nose in the mean body is needed, and what is below."""
        labels = weights.argmax(axis=1)

        def moved_by(*names: str) -> Bool[np.ndarray, "V"]:  # noqa: F821
            return np.isin(labels, [_joint(name) for name in names])

        limbs = [f"{side}_{name}" for side in _SIDES for name in (*_ARM, *_LEG[1:])]
        left, right = (
            weights[:, [_joint(f"{side}_{name}") for name in _LEG]].sum(axis=1) for side in _SIDES
        )
        self._trunk = Part("trunk", ~moved_by("head", *limbs), edges)
        self._leg = Part("right leg", right > left, edges)
        self._arm = Part("right arm", moved_by(*[f"right_{name}" for name in _ARM]), edges)
        self._head = Part("head", moved_by("head") & is_high, edges)
        collars = [f"{side}_collar" for side in _SIDES]
        around = moved_by("head", "neck", "spine3", *collars)
        self._neck = Part("neck", around & ~is_high, edges)

    def measure(self, vertices: Float[np.ndarray, "..."]) -> Float[np.ndarray, "B M"]:
        """Measure bodies.

        Args:
            vertices: (B, V, 3) in T-pose, in metres, Y up, facing +Z.

        Returns:
            In the order and the units of `MEASUREMENTS`.

        Raises:
            InvalidInputError: Another topology or pose, numbers that are not finite, or a body of
                no person's size, as one in centimetres.
        """
        if vertices.ndim != 3 or vertices.shape[1:] != (self._num_vertices, 3):
            raise InvalidInputError(
                f"the vertices have the shape {vertices.shape[1:]}; ({self._num_vertices}, 3) is "
                "needed: the topology of the body asset"
            )
        for body in vertices:
            check_metres(body, "measured")
        chunks = [
            self._measure(vertices[start : start + _CHUNK])
            for start in range(0, len(vertices), _CHUNK)
        ]
        return np.concatenate([np.empty((0, len(MEASUREMENTS))), *chunks])

    def _measure(self, bodies: Float[np.ndarray, "B V 3"]) -> Float[np.ndarray, "B M"]:
        joints = self._regressor.astype(bodies.dtype) @ bodies
        self._check_pose(joints)
        joint = dict(zip(SMPL_24_JOINT_NAMES, joints.transpose(1, 0, 2), strict=True))
        heights = bodies[:, self._surface, Y]
        floor, top = heights.min(axis=1), heights.max(axis=1)
        crotch = self._crotch.on(bodies)[..., Y].min(axis=1)
        spine = self._spine.on(bodies)
        right, left = self._shoulders.on(bodies).transpose(1, 0, 2)
        volume = self._volumes(bodies)
        mass = volume * DENSITY
        measured = {
            "height": top - floor,
            **self._trunk_girths(bodies, crotch, joint["neck"][:, Y]),
            **self._limb_girths(bodies, joint, crotch, floor),
            **self._head_girths(bodies, joint, top),
            "inside_leg": crotch - floor,
            "arm_length": _length(self._sleeve.on(bodies)),
            "shoulder_width": _length(np.stack([right, spine[:, 0], left], axis=1)),
            "back_neck_to_waist": _length(spine),
            "mass": mass,
            "volume": volume,
            "bmi": mass / (top - floor) ** 2,
        }
        return np.stack([measured[row.name] for row in MEASUREMENTS], axis=1)

    def _trunk_girths(self, bodies: Bodies, crotch: PerBody, neck: PerBody) -> dict[str, PerBody]:
        """All that are horizontal, from heights of the crotch and of the base of the neck."""
        waist = crotch + WAIST * (neck - crotch)
        buttocks = _between(crotch, waist, _BUTTOCKS)
        belly = _between(crotch, waist, _BELLY)
        back, _ = self._trunk.depths(bodies, Planes.level(buttocks))
        _, front = self._trunk.depths(bodies, Planes.level(belly))
        levels = {
            "bust_girth": self._bust.on(bodies)[..., Y].mean(axis=1),
            "underbust_girth": self._underbust.on(bodies)[..., Y].mean(axis=1),
            "waist_girth": waist,
            "stomach_girth": _middle_of_largest(front, belly),
            "hip_girth": _middle_of_largest(-back, buttocks),
        }
        planes = Planes.level(np.stack(list(levels.values()), axis=1))
        return dict(zip(levels, self._trunk.girths(bodies, planes).T, strict=True))

    def _limb_girths(
        self,
        bodies: Bodies,
        joint: dict[str, Float[np.ndarray, "B 3"]],
        crotch: PerBody,
        floor: PerBody,
    ) -> dict[str, PerBody]:
        hip, knee, ankle, shoulder, elbow, wrist = (
            joint[f"right_{name}"]
            for name in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
        )
        fold = crotch - _FOLD * (crotch - floor)
        return {
            "thigh_girth": self._leg.girths(bodies, Planes.level(fold[:, None]))[:, 0],
            "knee_girth": self._leg.girths(bodies, Planes.across(knee, ankle - hip))[:, 0],
            "calf_girth": self._leg.extreme_girth(bodies, knee, ankle, _CALF, 1),
            "upper_arm_girth": self._arm.girths(
                bodies, Planes.across((shoulder + elbow) / 2, elbow - shoulder)
            )[:, 0],
            "wrist_girth": self._arm.girths(bodies, Planes.across(wrist, wrist - elbow))[:, 0],
        }

    def _head_girths(
        self, bodies: Bodies, joint: dict[str, Float[np.ndarray, "B 3"]], top: PerBody
    ) -> dict[str, PerBody]:
        nose = self._nose.on(bodies)[:, 0]
        crown = nose.copy()
        crown[:, Y] = top
        return {
            "neck_girth": self._neck.extreme_girth(bodies, joint["neck"], joint["head"], _NECK, -1),
            "head_girth": self._head.extreme_girth(bodies, nose, crown, _EYEBROWS, 1),
        }

    def _volumes(self, bodies: Bodies) -> PerBody:
        """Inside the surface, by the divergence theorem."""
        (xa, ya, za), (xb, yb, zb), (xc, yc, zc) = (
            bodies.transpose(2, 0, 1).take(self._faces[:, corner], axis=2) for corner in range(3)
        )
        # Columns from the plane x = 0 to each triangle: twice the base, three times the height.
        bases = (yb - ya) * (zc - za) - (zb - za) * (yc - ya)
        volumes: np.ndarray = np.abs((bases * (xa + xb + xc)).sum(axis=1)) / 6
        return volumes

    def _check_pose(self, joints: Float[np.ndarray, "B 24 3"]) -> None:
        cosines = (_directions(joints) * self._mean_bones).sum(axis=-1)
        bends = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
        if not (bends <= MAX_BEND_DEG).all():
            near, far = _BONES[bends.max(axis=0).argmax()]
            raise InvalidInputError(
                f"the body is not in the T-pose, facing +Z: {near} to {far} points "
                f"{bends.max():.0f} degrees away from where it should; {MAX_BEND_DEG:g} are allowed"
            )


def _joint(name: str) -> int:
    return SMPL_24_JOINT_NAMES.index(name)


def _directions(joints: Float[np.ndarray, "B 24 3"]) -> Float[np.ndarray, "B N 3"]:
    """Unit vectors along `_BONES`."""
    near, far = ([_joint(bone[end]) for bone in _BONES] for end in (0, 1))
    bones = joints[:, far] - joints[:, near]
    directions: np.ndarray = bones / np.linalg.norm(bones, axis=-1, keepdims=True)
    return directions


def _length(points: Float[np.ndarray, "B N 3"]) -> PerBody:
    """From the first to the last over all between."""
    length: np.ndarray = np.linalg.norm(np.diff(points, axis=1), axis=-1).sum(axis=1)
    return length


def _middle_of_largest(
    reach: Float[np.ndarray, "B K"], heights: Float[np.ndarray, "B K"]
) -> PerBody:
    """Mean height of what reaches as far as the furthest, but for millimetres.

    A flat belly or back has no clear maximum: its height would jump from body to body.
    """
    weights = np.exp((reach - reach.max(axis=1, keepdims=True)) / _NEARLY)
    weights[:, [0, -1]] /= 2  # the trapezoidal rule
    middle: np.ndarray = (weights * heights).sum(axis=1) / weights.sum(axis=1)
    return middle


def _between(start: PerBody, end: PerBody, shares: np.ndarray) -> Float[np.ndarray, "B K"]:
    places: np.ndarray = start[:, None] + (end - start)[:, None] * shares.astype(start.dtype)
    return places
