"""Wire types of reconstructions.

V vertices, N betas.
"""

from typing import Annotated, Any, Literal, get_args

from fastapi import Query
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.schemas.body import Point
from app.schemas.clothing import ClothingMap
from app.schemas.common import EXAMPLE_PICTURE, Received, Sent, with_examples
from app.schemas.keypoints import EXAMPLE_KEYPOINTS, Keypoints
from app.schemas.mesh_confidence import MeshTrust
from app.schemas.silhouette import SeenKeypoint
from model.reconstruction.evidence import CODES

MAX_PHOTOS = 8
SHORTEST_M, TALLEST_M = 1.2, 2.3
LIGHTEST_KG, HEAVIEST_KG = 25.0, 250.0
Extra = Literal["confidence", "clothing", "mesh"]
EXTRAS: tuple[str, ...] = get_args(Extra)
PeopleChoice = Literal["largest", "all"]
HeightM = Annotated[
    float,
    Field(
        ge=SHORTEST_M,
        le=TALLEST_M,
        allow_inf_nan=False,
        description="How tall the person is, in metres. Without it scale is a guess. With "
        "people=all it is everybody's.",
    ),
]
WeightKg = Annotated[
    float,
    Field(
        ge=LIGHTEST_KG,
        le=HEAVIEST_KG,
        allow_inf_nan=False,
        description="What the person weighs, in kilograms.",
    ),
]
INCLUDE_PATTERN = f"^({'|'.join(EXTRAS)})(,({'|'.join(EXTRAS)}))*$"
IncludeQuery = Annotated[
    Annotated[str, Field(pattern=INCLUDE_PATTERN)] | SkipJsonSchema[None],
    Query(
        description=f"Any of {', '.join(EXTRAS)}, with commas between: what JSON and NPZ hold "
        "beside the bodies.",
    ),
]


class ReconstructionRequest(Received):
    """Photos, and what is known of the people in them."""

    model_config = with_examples(
        {"image": EXAMPLE_PICTURE, "height_m": 1.75, "keypoints": EXAMPLE_KEYPOINTS}
    )

    image: str | Annotated[list[str], Field(min_length=1, max_length=MAX_PHOTOS)] = Field(
        description="A picture file in base64 or as a data: URL; a list of several with "
        "same_person."
    )
    height_m: HeightM | None = None
    weight_kg: WeightKg | None = None
    keypoints: Keypoints | None = None
    refine: bool = Field(
        default=False,
        description="Whether to fit each body to its keypoints and its confidence map once more, "
        "which takes about a second.",
    )
    people: PeopleChoice = Field(
        default="largest", description="Whom to reconstruct: the largest person, or everybody."
    )
    same_person: bool = Field(
        default=False,
        description="Whether all photos show one person, the largest in each. Then shape and "
        "measurements are one; poses and cameras are each photo's.",
    )
    include: list[Extra] = Field(
        default_factory=list, description="What JSON and NPZ hold beside the bodies."
    )


FORM_FIELDS: dict[str, Any] = {
    "height_m": {"type": "number", "minimum": SHORTEST_M, "maximum": TALLEST_M},
    "weight_kg": {"type": "number", "minimum": LIGHTEST_KG, "maximum": HEAVIEST_KG},
    "keypoints": {
        "type": "array",
        "items": {"type": "string"},
        "description": "As JSON text; with same_person a part for each photo.",
    },
    "refine": {"type": "boolean"},
    "people": {"type": "string", "enum": list(get_args(PeopleChoice))},
    "same_person": {"type": "boolean"},
    "include": {"type": "string", "pattern": INCLUDE_PATTERN},
}
"""Texts of the form; they mean what the fields of the JSON mean."""


class ShapeEstimate(Sent):
    """Shape, in standard deviations from the mean person."""

    mean: list[float]
    std: list[float] = Field(description="Standard deviation of each; 1 where nothing is known.")


class PhotoCamera(Sent):
    """A pinhole camera: pixel = focal * (x, y) / z + centre."""

    focal_px: float = Field(description="Assumed from a typical field of view.")
    centre_px: list[float] = Field(min_length=2, max_length=2)


class MeasurementInterval(Sent):
    """A measurement, and where its true value is in nine of ten people."""

    value: float
    low: float
    high: float
    unit: str


class Warned(Sent):
    """Why to trust a result less."""

    code: str = Field(
        description="One of " + "; ".join(f"`{code}`: {what}" for code, what in CODES.items()) + "."
    )
    detail: str


class ReconstructedPerson(Sent):
    """A body. SMPL's axes, Y up, hold for betas, poses and transl; metres and radians."""

    photo: int = Field(description="Number of the photo, from 0.")
    box: list[float] = Field(
        description="Left, top, right, bottom in pixels of the upright picture.",
        min_length=4,
        max_length=4,
    )
    keypoints: list[SeenKeypoint] = Field(description="In COCO's order.")
    betas: ShapeEstimate
    body_pose: list[Point] = Field(
        description="(23, 3) axis-angle of SMPL's joints 1 to 23, relative to their parents."
    )
    global_orient: Point = Field(
        description="Axis-angle of the pelvis; zero for a person who stands upright and faces the "
        "camera."
    )
    transl: Point = Field(
        description="X right, Y up, the camera at the origin looking along -Z: with it, POST /mesh "
        "gives the body before the camera."
    )
    camera: PhotoCamera
    joints: list[Point] = Field(
        description="(24, 3) in the camera's axes: x right, y down, z forward."
    )
    joint_names: list[str] = Field(description="SMPL's names, in the order of the joints.")
    vertices: list[Point] | None = Field(
        default=None,
        description="(V, 3) in the camera's axes; with include=mesh. GET /mesh/faces has the "
        "triangles.",
    )
    measurements: dict[str, MeasurementInterval] = Field(
        description="By name, as POST /measurements gives them; nine of ten true values lie "
        "between low and high on people like the rendered ones of the calibration."
    )
    warnings: list[Warned]
    trust: MeshTrust | None = Field(
        default=None,
        description="How far to trust the mesh and its joints; not there where the server has no "
        "checkpoint for it.",
    )


class PhotoMaps(Sent):
    """One of several photos."""

    height: int
    width: int
    confidence_png_base64: str | None = None
    clothing: ClothingMap | None = None


class ReconstructionUnits(Sent):
    """What the numbers mean."""

    length: str = "metre"
    angle: str = "radian"
    pose_axes: str = "x right, y up, z towards the camera"
    camera_axes: str = "x right, y down, z forward"
    coverage: float = Field(default=0.9, description="Of the intervals, in [0, 1].")


class ReconstructionAnswer(Sent):
    """The people in a photo, or one person in several."""

    model_config = with_examples(
        {
            "height": 817,
            "width": 550,
            "people": [
                {
                    "photo": 0,
                    "box": [120.5, 40.0, 410.0, 790.5],
                    "keypoints": [{"name": "nose", "x": 262.1, "y": 98.4, "score": 0.97}],
                    "betas": {"mean": [0.61, -0.32], "std": [0.88, 0.54]},
                    "body_pose": [[0.02, -0.01, 0.08]],
                    "global_orient": [0.05, -0.21, 0.01],
                    "transl": [0.03, -0.09, -3.4],
                    "camera": {"focal_px": 986.2, "centre_px": [275.0, 408.5]},
                    "joints": [[0.04, 0.07, 3.41]],
                    "joint_names": ["pelvis"],
                    "measurements": {
                        "height": {"value": 1.71, "low": 1.62, "high": 1.8, "unit": "metre"}
                    },
                    "warnings": [
                        {
                            "code": "scale-unknown",
                            "detail": "no height was given, so the size of the body is a guess",
                        }
                    ],
                    "trust": {"mesh": 0.8, "joints": {"left_knee": 0.9, "right_wrist": 0.4}},
                }
            ],
            "units": {
                "length": "metre",
                "angle": "radian",
                "pose_axes": "x right, y up, z towards the camera",
                "camera_axes": "x right, y down, z forward",
                "coverage": 0.9,
            },
            "timing_ms": {"decode": 4.1, "queue": 0.2, "predict": 148.0},
        }
    )

    height: int = Field(description="Of the upright picture, in pixels; the first one's.")
    width: int = Field(description="Likewise.")
    people: list[ReconstructedPerson] = Field(
        description="The largest first; with same_person one for each photo, in their order."
    )
    confidence_png_base64: str | None = Field(
        default=None,
        description="The confidence map as an 8-bit grey PNG; with include=confidence.",
    )
    clothing: ClothingMap | None = Field(
        default=None, description="As POST /clothing gives it; with include=clothing."
    )
    photos: list[PhotoMaps] | None = Field(
        default=None, description="Of several photos: each of them."
    )
    units: ReconstructionUnits
    timing_ms: dict[str, float] = Field(
        description="decode: pictures to pixels; queue: waiting for the device; predict: on it."
    )
