"""Random poses within human joint limits.

Angles are degrees about the T-pose's X (to the person's left), Y (up) and Z (to the front), given
for the left side; the right side is its mirror image.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from model.skeletons import SMPL_24_JOINT_NAMES
from training.synthetic.bodies import Floats


@dataclass(frozen=True)
class _Joint:
    """Limits of one joint, and the order in which its three turns are applied."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    order: str = "zyx"


# Set by hand in SMPL's axes, around what healthy adults can do; not taken from a published table.
# Arms: swing (x), drop (z), twist along the arm (second x), in that order.
_LIMITS = {
    "spine1": _Joint((-15, -15, -12), (25, 15, 12)),
    "spine2": _Joint((-12, -15, -12), (20, 15, 12)),
    "spine3": _Joint((-10, -15, -10), (15, 15, 10)),
    "neck": _Joint((-20, -35, -15), (25, 35, 15)),
    "head": _Joint((-20, -35, -15), (25, 35, 15)),
    "left_hip": _Joint((-115, -35, -18), (25, 40, 40)),
    "left_knee": _Joint((0, -3, -3), (135, 3, 3)),
    "left_ankle": _Joint((-20, -15, -12), (40, 15, 12)),
    "left_collar": _Joint((-8, -12, -8), (8, 12, 18)),
    "left_shoulder": _Joint((-120, -88, -70), (45, 75, 90), order="swing"),
    "left_elbow": _Joint((-5, -140, -3), (5, 0, 3)),
    "left_wrist": _Joint((-30, -20, -50), (30, 20, 50)),
}


@dataclass(frozen=True)
class _Activity:
    """Mean angles and their spread; joints that are not named rest at zero with a small spread."""

    share: float
    means: dict[str, tuple[float, float, float]]
    spreads: dict[str, tuple[float, float, float]]
    alternating: bool = False
    """Left and right draw the same swing in opposite directions, as in walking."""


_STANDING_SPREAD = {
    "left_hip": (6.0, 8.0, 4.0),
    "left_knee": (7.0, 1.0, 1.0),
    "left_shoulder": (12.0, 10.0, 20.0),
    "left_elbow": (2.0, 18.0, 1.0),
    "left_wrist": (8.0, 6.0, 10.0),
    "left_ankle": (5.0, 8.0, 3.0),
}
_ACTIVITIES = [
    _Activity(
        0.42,
        {
            "left_hip": (-2, 4, -5),
            "left_knee": (5, 0, 0),
            "left_shoulder": (0, -72, 10),
            "left_elbow": (0, -18, 0),
        },
        _STANDING_SPREAD,
    ),
    _Activity(
        0.2,
        {
            "left_hip": (-8, 2, -7),
            "left_knee": (20, 0, 0),
            "left_shoulder": (0, -74, 10),
            "left_elbow": (0, -25, 0),
        },
        _STANDING_SPREAD
        | {
            "left_hip": (22.0, 4.0, 2.0),
            "left_knee": (14.0, 1.0, 1.0),
            "left_shoulder": (20.0, 6.0, 10.0),
        },
        alternating=True,
    ),
    _Activity(  # hands on the hips
        0.1,
        {
            "left_hip": (-2, 6, -3),
            "left_knee": (6, 0, 0),
            "left_shoulder": (15, -50, 65),
            "left_elbow": (0, -95, 0),
        },
        _STANDING_SPREAD | {"left_shoulder": (6.0, 8.0, 10.0), "left_elbow": (2.0, 12.0, 1.0)},
    ),
    _Activity(  # reaching, waving, holding
        0.18,
        {
            "left_hip": (-4, 5, -4),
            "left_knee": (8, 0, 0),
            "left_shoulder": (-30, -30, 0),
            "left_elbow": (0, -50, 0),
        },
        _STANDING_SPREAD | {"left_shoulder": (40.0, 40.0, 30.0), "left_elbow": (2.0, 40.0, 1.0)},
    ),
    _Activity(  # sitting
        0.1,
        {
            "left_hip": (-82, 8, -2),
            "left_knee": (82, 0, 0),
            "left_shoulder": (-20, -68, 10),
            "left_elbow": (0, -45, 0),
        },
        _STANDING_SPREAD | {"left_hip": (12.0, 8.0, 8.0), "left_knee": (16.0, 1.0, 1.0)},
    ),
]
_REST_SPREAD = (5.0, 6.0, 3.0)


def sample_pose(rng: np.random.Generator) -> Floats:
    """A pose without global orientation: axis-angle (24, 3) in radians, the root at zero."""
    shares = np.array([activity.share for activity in _ACTIVITIES])
    activity = _ACTIVITIES[int(rng.choice(len(shares), p=shares / shares.sum()))]
    swing = rng.normal() if activity.alternating else 0.0
    pose = np.zeros((len(SMPL_24_JOINT_NAMES), 3), np.float32)
    for index, name in enumerate(SMPL_24_JOINT_NAMES):
        left = name.replace("right_", "left_")
        if left not in _LIMITS:
            continue
        joint = _LIMITS[left]
        mean = np.array(activity.means.get(left, (0.0, 0.0, 0.0)))
        spread = np.array(activity.spreads.get(left, _REST_SPREAD))
        drawn = rng.normal(size=3)
        if swing and left in ("left_hip", "left_shoulder"):
            # Legs swing against each other, and arms against the legs.
            side = 1.0 if name.startswith("left_") == (left == "left_hip") else -1.0
            drawn[0] = side * swing + 0.2 * drawn[0]
        angles = np.clip(mean + spread * drawn, joint.low, joint.high)
        pose[index] = _rotation(angles, joint.order, mirrored=name.startswith("right_"))
    return pose


def _rotation(angles: Floats, order: str, mirrored: bool) -> Floats:
    """Axis-angle of the turns; the mirror image through the plane x = 0 flips y and z."""
    x, y, z = angles
    if order == "swing":  # for arms `y` is the drop and `z` the twist
        turn = Rotation.from_euler("x", x, degrees=True)
        turn = turn * Rotation.from_euler("z", y, degrees=True)
        turn = turn * Rotation.from_euler("x", z, degrees=True)
    else:
        turn = Rotation.from_euler("ZYX", [z, y, x], degrees=True)
    vector: Floats = turn.as_rotvec()
    return vector * np.array([1, -1, -1]) if mirrored else vector
