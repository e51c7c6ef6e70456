"""Poses of motion capture turned a little, so that more poses are seen than were recorded.

F frames.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from model.skeletons import SMPL_24_JOINT_NAMES
from training.synthetic.bodies import Floats
from training.synthetic.capsules import Capsules

VARIED = 0.7
"""Share of sequences."""
SPREAD_RAD = {"hip": 0.3, "shoulder": 0.4, "spine1": 0.1, "spine2": 0.1, "spine3": 0.1, "neck": 0.1}
"""Of each component of the rotation that is added to these joints, the same for all frames."""
BENT = (0.5, 1.5)
"""Factor of the bend of elbows and knees."""
GREATEST_BEND_RAD = 2.4
LEAN_RAD = 0.3
"""Spread of the tilt of the whole body, in each direction."""
TRIES = 3
"""Variations that are drawn before the one whose limbs are least inside one another is taken."""
_PARTS = [name.split("_")[-1] for name in SMPL_24_JOINT_NAMES]
_TURNED = [joint for joint, part in enumerate(_PARTS) if part in SPREAD_RAD]
_BENT = [joint for joint, part in enumerate(_PARTS) if part in ("elbow", "knee")]


def varied(rng: np.random.Generator, poses: Floats, capsules: Capsules) -> Floats:
    """Another movement like the recorded one: axis-angle (F, 24, 3).

    Args:
        rng: Decides.
        poses: (F, 24, 3) as recorded; the first joint turns the whole body.
        capsules: Of the person.
    """
    if rng.random() >= VARIED:
        return poses
    tried = [_variation(rng, poses) for _ in range(TRIES)]
    overlaps = [float(np.maximum(capsules.overlap(one), 0).mean()) for one in tried]
    return tried[int(np.argmin(overlaps))]


def _variation(rng: np.random.Generator, poses: Floats) -> Floats:
    changed = poses.copy()
    for joint in _TURNED:
        turn = Rotation.from_rotvec(rng.normal(0, SPREAD_RAD[_PARTS[joint]], 3))
        changed[:, joint] = (turn * Rotation.from_rotvec(poses[:, joint])).as_rotvec()
    for joint in _BENT:
        bent = poses[:, joint] * rng.uniform(*BENT)
        angle = np.linalg.norm(bent, axis=-1, keepdims=True)
        changed[:, joint] = bent * np.minimum(1, GREATEST_BEND_RAD / np.maximum(angle, 1e-9))
    lean = Rotation.from_rotvec([rng.normal(0, LEAN_RAD), 0, rng.normal(0, LEAN_RAD)])
    changed[:, 0] = (lean * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
    return changed
