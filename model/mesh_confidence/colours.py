"""Trust as colours on a body.

The map is perceptually uniform and keeps its order for the colour-blind and in grey: equal steps of
trust look equally far apart. Yellow is trusted, dark blue is not.

Source of the colours: viridis (van der Walt, Smith, SciPy 2015; CC0), at 17 equal steps.

V vertices, N values.
"""

import numpy as np
from jaxtyping import Float, Float32, UInt8

from model.mesh_confidence.joints import JOINT_NAMES
from model.skeletons import SMPL_24_JOINT_NAMES

STEPS = np.array(
    [
        (68, 1, 84),
        (72, 24, 106),
        (71, 45, 123),
        (66, 64, 134),
        (59, 82, 139),
        (51, 99, 141),
        (44, 114, 142),
        (38, 130, 142),
        (33, 145, 140),
        (31, 160, 136),
        (40, 174, 128),
        (63, 188, 115),
        (94, 201, 98),
        (132, 212, 75),
        (173, 220, 48),
        (216, 226, 25),
        (253, 231, 37),
    ],
    np.uint8,
)
_NEAREST = {
    "pelvis": ("left_hip", "right_hip"),
    "spine1": ("left_hip", "right_hip"),
    "spine2": ("left_hip", "right_hip", "neck"),
    "spine3": ("neck", "left_shoulder", "right_shoulder"),
    "left_collar": ("neck", "left_shoulder"),
    "right_collar": ("neck", "right_shoulder"),
    "left_foot": ("left_ankle",),
    "right_foot": ("right_ankle",),
    "left_hand": ("left_wrist",),
    "right_hand": ("right_wrist",),
}
"""Of SMPL's joints that are not among the 14: those whose mean trust they take."""


def _shares() -> Float32[np.ndarray, "24 14"]:
    shares = np.zeros((len(SMPL_24_JOINT_NAMES), len(JOINT_NAMES)), np.float32)
    for row, name in enumerate(SMPL_24_JOINT_NAMES):
        sources = _NEAREST.get(name, (name,))
        for source in sources:
            shares[row, JOINT_NAMES.index(source)] = 1 / len(sources)
    return shares


SMPL_SHARES = _shares()
"""Trust of SMPL's 24 joints from that of the 14: rows sum to one."""


def vertex_values(
    joints: Float[np.ndarray, "14"], lbs_weights: Float[np.ndarray, "V 24"]
) -> Float32[np.ndarray, "V"]:  # noqa: F821
    """A value for each vertex: those of the joints, weighted as the joints move the vertex.

    Args:
        joints: Such as `MeshConfidence.joints`.
        lbs_weights: Of the body asset; rows sum to one.
    """
    values: np.ndarray = lbs_weights @ (SMPL_SHARES @ joints.astype(np.float32))
    return values.astype(np.float32)


def trust_colours(values: Float[np.ndarray, "N"]) -> UInt8[np.ndarray, "N 3"]:  # noqa: F821
    """Colours in sRGB of values in [0, 1]; what lies outside takes the nearest end's colour."""
    places = np.clip(values, 0, 1) * (len(STEPS) - 1)
    channels = [np.interp(places, np.arange(len(STEPS)), STEPS[:, c]) for c in range(3)]
    colours: np.ndarray = np.rint(np.stack(channels, -1)).astype(np.uint8)
    return colours


def legend(num_steps: int = 5) -> list[tuple[float, str]]:
    """Trust from 0 to 1 in equal steps, each with its colour as #rrggbb."""
    values = np.linspace(0, 1, num_steps)
    colours = trust_colours(values)
    return [
        (float(value), "#" + bytes(colour).hex())
        for value, colour in zip(values, colours, strict=True)
    ]
