"""Random poses within human joint limits, without limbs inside one another.

Angles are degrees about the T-pose's X (to the person's left), Y (up) and Z (to the front), given
for the left side; the right side is its mirror image.
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from model.skeletons import SMPL_24_JOINT_NAMES
from training.synthetic.bodies import Floats, Ints
from training.synthetic.capsules import Capsules

Angles = dict[str, tuple[float, float, float]]

# Set by hand in SMPL's axes, around what healthy adults can do; not taken from a published table.
# Arms: swing (x), drop (z), twist along the arm (second x), in that order.
LIMITS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "spine1": ((-15, -15, -12), (25, 15, 12)),
    "spine2": ((-12, -15, -12), (20, 15, 12)),
    "spine3": ((-10, -15, -10), (15, 15, 10)),
    "neck": ((-20, -35, -15), (25, 35, 15)),
    "head": ((-20, -35, -15), (25, 35, 15)),
    "left_hip": ((-115, -35, -18), (25, 40, 40)),
    "left_knee": ((0, -3, -3), (135, 3, 3)),
    "left_ankle": ((-20, -15, -12), (40, 15, 12)),
    "left_collar": ((-8, -12, -8), (8, 12, 18)),
    "left_shoulder": ((-120, -88, -70), (45, 75, 90)),
    "left_elbow": ((-5, -140, -3), (5, 0, 3)),
    "left_wrist": ((-30, -20, -50), (30, 20, 50)),
}
_ARM = ("left_shoulder", "left_elbow", "left_wrist")
_LEG = ("left_hip", "left_knee", "left_ankle")


@dataclass(frozen=True)
class Activity:
    """Mean angles and their spread; joints that are not named rest at zero with a small spread."""

    share: float
    means: Angles
    spreads: Angles = field(default_factory=dict)
    """Instead of those of standing."""
    alternating: bool = False
    """Left and right draw the same swing in opposite directions, as in walking."""
    each_arm: float = 1.0
    """How likely each arm does what is said here; otherwise it hangs."""
    each_leg: float = 1.0
    """Likewise of the legs; otherwise it stands."""
    lean_deg: tuple[float, float] = (0.0, 0.0)
    """Mean and spread of how far the whole body is tilted forward."""
    seated: bool = False
    """Something is sat on."""


_HANGING: Angles = {
    "left_shoulder": (0, -73, 10),
    "left_elbow": (0, -18, 0),
}
_UPRIGHT: Angles = {"left_hip": (-2, 4, -5), "left_knee": (5, 0, 0)}
_STANDING = _UPRIGHT | _HANGING
_SPREAD: Angles = {
    "left_hip": (6, 8, 4),
    "left_knee": (7, 1, 1),
    "left_shoulder": (12, 9, 20),
    "left_elbow": (2, 18, 1),
    "left_wrist": (8, 6, 10),
    "left_ankle": (5, 8, 3),
}
_REST_SPREAD = (5.0, 6.0, 3.0)

ACTIVITIES: dict[str, Activity] = {
    "standing": Activity(0.36, {}),
    "standing at ease": Activity(
        0.12,
        {"left_hip": (-14, 10, 3), "left_knee": (24, 0, 0)},
        {"left_hip": (7, 9, 5), "left_knee": (10, 1, 1)},
        each_leg=0.5,
    ),
    "walking": Activity(
        0.22,
        {
            "left_hip": (-8, 2, -6),
            "left_knee": (20, 0, 0),
            "left_shoulder": (0, -75, 10),
            "left_elbow": (0, -25, 0),
        },
        {"left_hip": (20, 4, 2), "left_knee": (12, 1, 1), "left_shoulder": (18, 5, 10)},
        alternating=True,
    ),
    "hands on the hips": Activity(
        0.08,
        {"left_shoulder": (15, -50, 65), "left_elbow": (0, -95, 0)},
        {"left_shoulder": (6, 8, 10), "left_elbow": (2, 12, 1)},
        each_arm=0.75,
    ),
    "holding": Activity(  # a telephone, a cup, a bag's strap
        0.07,
        {"left_shoulder": (-15, -66, -10), "left_elbow": (0, -105, 0)},
        {"left_shoulder": (12, 8, 25), "left_elbow": (2, 22, 1)},
        each_arm=0.65,
    ),
    "reaching": Activity(  # waving, pointing, leaning on something
        0.08,
        {"left_shoulder": (-30, -20, 0), "left_elbow": (0, -45, 0)},
        {"left_shoulder": (40, 40, 30), "left_elbow": (2, 35, 1)},
        each_arm=0.6,
    ),
    "sitting": Activity(
        0.05,
        {
            "left_hip": (-84, 8, -2),
            "left_knee": (84, 0, 0),
            "left_shoulder": (-20, -66, 10),
            "left_elbow": (0, -45, 0),
        },
        {"left_hip": (6, 8, 7), "left_knee": (16, 1, 1)},
        seated=True,
    ),
    "bending": Activity(
        0.02,
        {
            "left_hip": (-42, 6, -3),
            "left_knee": (12, 0, 0),
            "spine1": (12, 0, 0),
            "left_shoulder": (-35, -60, 0),
        },
        {"left_hip": (7, 5, 3), "left_knee": (8, 1, 1), "left_shoulder": (20, 12, 20)},
        lean_deg=(38, 6),
    ),
}
"""How often each is drawn, and what it is; people stand more often than all else."""
CANDIDATES, ROUNDS = 2, 12
"""Poses drawn at a time, and how often that is done before the least bad one is taken."""


def _left(joint: str) -> str:
    """The joint of the left side that a joint mirrors, or itself."""
    return joint.replace("right_", "left_")


_INDICES = [i for i, name in enumerate(SMPL_24_JOINT_NAMES) if _left(name) in LIMITS]


@dataclass(frozen=True)
class Pose:
    """What somebody does."""

    activity: str
    axis_angle: Floats
    """(24, 3) radians, the root at zero."""
    lean: Rotation
    """How the whole body is tilted before it is turned to where it faces."""
    seated: bool
    """Something is sat on."""


def sample_pose(rng: np.random.Generator, capsules: Capsules) -> Pose:
    """Something that people do, such that no limb is inside another.

    Args:
        rng: Decides.
        capsules: Of the person.
    """
    shares = np.array([activity.share for activity in ACTIVITIES.values()])
    name = list(ACTIVITIES)[int(rng.choice(len(shares), p=shares / shares.sum()))]
    tilt = rng.normal(*ACTIVITIES[name].lean_deg)
    best, least = None, np.inf
    for _ in range(ROUNDS):
        poses = draw_poses(rng, name, CANDIDATES)
        overlap = capsules.overlap(poses)
        first = int(np.argmax(overlap <= 0)) if (overlap <= 0).any() else int(np.argmin(overlap))
        if overlap[first] < least:
            best, least = poses[first], float(overlap[first])
        if least <= 0:
            break
    assert best is not None
    lean = Rotation.from_euler("X", tilt, degrees=True)
    return Pose(name, best, lean, ACTIVITIES[name].seated)


def draw_poses(rng: np.random.Generator, activity: str, num: int) -> Floats:
    """Poses within the limits, limbs wherever they come to lie: axis-angle (num, 24, 3)."""
    table = _tables()[activity]
    drawn = rng.normal(size=(num, len(_INDICES), 3))
    if ACTIVITIES[activity].alternating:
        # Legs swing against each other, and arms against the legs.
        swing = np.clip(rng.normal(size=(num, 1)), -1.6, 1.6) * table.swing
        drawn[..., 0] = np.where(table.swing, swing + 0.2 * drawn[..., 0], drawn[..., 0])
    # Each arm and each leg decides as a whole whether it takes part.
    busy = (rng.random((num, 4)) < table.chances)[:, table.limbs] | (table.limbs < 0)
    wanted = table.means + drawn * table.spreads
    idle = table.idle_means + drawn * table.idle_spreads
    angles = np.clip(np.where(busy[..., None], wanted, idle), table.low, table.high)
    poses = np.zeros((num, len(SMPL_24_JOINT_NAMES), 3), np.float32)
    poses[:, _INDICES] = _axis_angle(angles)
    return poses


@dataclass(frozen=True)
class _Table:
    """An activity as arrays over the 21 joints that turn."""

    means: Floats
    spreads: Floats
    idle_means: Floats
    idle_spreads: Floats
    low: Floats
    high: Floats
    swing: Floats
    """(21,) which way a joint swings in walking: 1, -1 or 0."""
    limbs: Ints
    """(21,) left arm 0, left leg 1, right arm 2, right leg 3, else -1."""
    chances: Floats
    """(4,) of each limb to take part."""


@cache
def _tables() -> dict[str, _Table]:
    names = [SMPL_24_JOINT_NAMES[index] for index in _INDICES]
    lefts = [_left(name) for name in names]

    def rows(angles: Angles, otherwise: tuple[float, float, float]) -> Floats:
        return np.array([angles.get(left, otherwise) for left in lefts], float)

    def limb(name: str, left: str) -> int:
        side = 2 * name.startswith("right_")
        return side if left in _ARM else side + 1 if left in _LEG else -1

    still, low_high = (0.0, 0.0, 0.0), np.array([LIMITS[left] for left in lefts], float)
    swings = {"left_hip": 1, "right_hip": -1, "left_shoulder": -1, "right_shoulder": 1}
    return {
        key: _Table(
            rows(_STANDING | activity.means, still),
            rows(_SPREAD | activity.spreads, _REST_SPREAD),
            rows(_STANDING, still),
            rows(_SPREAD, _REST_SPREAD),
            low_high[:, 0],
            low_high[:, 1],
            np.array([swings.get(name, 0) for name in names]),
            np.array([limb(name, left) for name, left in zip(names, lefts, strict=True)]),
            np.array([activity.each_arm, activity.each_leg] * 2),
        )
        for key, activity in ACTIVITIES.items()
    }


def _axis_angle(angles: Floats) -> Floats:
    """Of turns (N, joints, 3) in degrees; the mirror image through x = 0 flips y and z."""
    vectors = np.empty_like(angles)
    names = [SMPL_24_JOINT_NAMES[index] for index in _INDICES]
    arms = np.array([name.endswith("shoulder") for name in names])
    swung = Rotation.from_euler("XZX", angles[:, arms].reshape(-1, 3), degrees=True)
    vectors[:, arms] = swung.as_rotvec().reshape(len(angles), -1, 3)
    others = Rotation.from_euler("ZYX", angles[:, ~arms, ::-1].reshape(-1, 3), degrees=True)
    vectors[:, ~arms] = others.as_rotvec().reshape(len(angles), -1, 3)
    right = [name.startswith("right_") for name in names]
    vectors[:, right] *= [1, -1, -1]
    return vectors
