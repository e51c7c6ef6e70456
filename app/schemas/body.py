"""Wire types of meshes and of the distance between two of them."""

from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import BeforeValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from app.codecs.npy import MAX_VERTICES
from app.schemas.common import Number, Received, Sent, Vector3, with_examples
from model.body.predictor import MAX_BETAS, BodyParameters

NUM_BODY_JOINTS = 23
_PADDED = {"num_betas": 10, "num_betas_ignored": 0, "num_betas_padded": 8}

Betas = Annotated[
    list[Number],
    Field(
        min_length=1,
        max_length=MAX_BETAS,
        description="Shape, in standard deviations from the mean person. Fewer than the asset has "
        "are padded with zeros, more are cut; the answer says how many.",
    ),
]


def _check_num_joints(value: object) -> object:
    """Say the whole shape: the length of the outer list alone would hide that each item is one."""
    if isinstance(value, list) and len(value) != NUM_BODY_JOINTS:
        raise ValueError(
            f"has {len(value)} items; {NUM_BODY_JOINTS} x 3 numbers are needed: a list of "
            f"{NUM_BODY_JOINTS} lists of 3"
        )
    return value


BodyPose = Annotated[
    list[Vector3],
    BeforeValidator(_check_num_joints),
    Field(
        min_length=NUM_BODY_JOINTS,
        max_length=NUM_BODY_JOINTS,
        description="Axis-angle in radians of SMPL's joints 1 to 23, relative to their parents; "
        "zeros, the T-pose, when left out.",
    ),
]
GlobalOrient = Annotated[
    Vector3, Field(description="Axis-angle in radians of the pelvis; zeros when left out.")
]
Translation = Annotated[Vector3, Field(description="In metres; zeros when left out.")]
Vertices = Annotated[
    list[Vector3],
    # The first wrong vertex is enough: a broken mesh would give an error for each number.
    Field(fail_fast=True, min_length=1, max_length=MAX_VERTICES, description="In metres."),
]
Point = Annotated[list[float], Field(min_length=3, max_length=3)]
"""Unlike what clients send, what is made of it has no bounds."""


class PosedShape(Received):
    """A person's shape, pose and place."""

    betas: Betas | None = None
    body_pose: BodyPose | None = None
    global_orient: GlobalOrient | None = None
    transl: Translation | None = None

    def parameters(self) -> BodyParameters:
        """As arrays."""
        names = ("betas", "body_pose", "global_orient", "transl")
        given = {name: getattr(self, name) for name in names}
        return BodyParameters(
            **{name: np.array(v, np.float32) for name, v in given.items() if v is not None}
        )


class MeshRequest(PosedShape):
    """A person's shape, and optionally pose and place."""

    model_config = with_examples(
        {"betas": [2, -1]}, {"betas": [0], "global_orient": [0, 1.5708, 0], "transl": [0, 0.9, 0]}
    )

    betas: Betas


class Units(Sent):
    """What the numbers of a mesh mean."""

    length: str = "metre"
    up: str = "y"


class BetasUse(Sent):
    """What became of the betas that were given."""

    num_betas: int = Field(description="How many betas the asset has.")
    num_betas_ignored: int = Field(
        description="How many of the given betas were cut because the asset has fewer."
    )
    num_betas_padded: int = Field(
        description="How many zeros were appended because the asset has more."
    )

    @classmethod
    def of(cls, num_given: int, num_betas: int) -> "BetasUse":
        """From the number of betas given and that of the asset."""
        return cls(
            num_betas=num_betas,
            num_betas_ignored=max(0, num_given - num_betas),
            num_betas_padded=max(0, num_betas - num_given),
        )


class Mesh(BetasUse):
    """A person's surface and joints."""

    model_config = with_examples(
        {
            "vertices": [[0.01, 1.62, 0.09], [0.02, 1.61, 0.09], [0.01, 1.6, 0.1]],
            "faces": [[0, 1, 2]],
            "joints": [[0.0, 0.94, 0.0], [0.07, 0.85, 0.0]],
            "joint_names": ["pelvis", "left_hip"],
            "units": {"length": "metre", "up": "y"},
            **_PADDED,
        }
    )

    vertices: list[Point] = Field(description="(V, 3), in metres, Y up.")
    faces: list[list[int]] | SkipJsonSchema[None] = Field(
        default=None,
        description="(F, 3) indices of vertices, counter-clockwise seen from outside; not there "
        "where they were not asked for.",
    )
    joints: list[Point] = Field(description="(24, 3), in metres, Y up.")
    joint_names: list[str] = Field(description="SMPL's names, in the order of the joints.")
    units: Units


class Faces(Sent):
    """The triangles of every body."""

    model_config = with_examples({"faces": [[0, 1, 2], [2, 1, 3]], "num_vertices": 13718})

    faces: list[list[int]] = Field(
        description="(F, 3) indices of vertices, counter-clockwise seen from outside."
    )
    num_vertices: int = Field(description="How many vertices a body has.")


class MeshSource(PosedShape):
    """A mesh: either betas, with an optional pose, or vertices."""

    vertices: Vertices | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "MeshSource":
        if (self.betas is None) == (self.vertices is None):
            raise ValueError("either betas or vertices are needed, and not both")
        if self.vertices is not None and (self.body_pose or self.global_orient or self.transl):
            raise ValueError("vertices are posed already; a pose goes with betas only")
        return self

    def contents(self) -> "BodyParameters | Float[np.ndarray, 'V 3']":
        """As arrays: parameters, or vertices."""
        if self.vertices is not None:
            return np.array(self.vertices, np.float64)
        return self.parameters()


class MeshPair(Received):
    """Two meshes to compare."""

    model_config = with_examples(
        {"predicted": {"betas": [1.8, -0.9]}, "ground_truth": {"betas": [2, -1]}},
        {
            "predicted": {"vertices": [[0, 0, 0], [0, 1.7, 0]]},
            "ground_truth": {"vertices": [[0, 0, 0], [0, 1.8, 0]]},
        },
    )

    predicted: MeshSource
    ground_truth: MeshSource


class MeshErrors(Sent):
    """How far one mesh is from another, in millimetres."""

    model_config = with_examples(
        {
            "mean_error_mm": 8.1,
            "max_error_mm": 15.3,
            "hausdorff_mm": 9.7,
            "pve_t_sc_mm": 2.2,
            "part_mean_error_mm": {"pelvis": 4.9, "head": 13.2},
            "num_vertices": 13718,
            "predicted_betas": _PADDED,
            "ground_truth_betas": _PADDED,
        }
    )

    mean_error_mm: float = Field(description="Mean distance between corresponding vertices.")
    max_error_mm: float = Field(description="Largest distance between corresponding vertices.")
    hausdorff_mm: float = Field(description="Hausdorff distance between the sets of vertices.")
    pve_t_sc_mm: float | None = Field(
        description="Mean distance in the T-pose, after position and size are made equal "
        "(PVE-T-SC). The T-pose is made from betas: null where vertices were given."
    )
    part_mean_error_mm: dict[str, float] | None = Field(
        description="Mean distance for each body part, named after the joint that moves it. Null "
        "where the meshes have another topology than the server's body asset, or there is none."
    )
    num_vertices: int
    predicted_betas: BetasUse | None = Field(
        default=None, description="Null where vertices were given."
    )
    ground_truth_betas: BetasUse | None = Field(
        default=None, description="Null where vertices were given."
    )
