"""Wire types of the trust in meshes."""

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from app.schemas.common import EXAMPLE_PICTURE, Number, Received, Sent, with_examples
from app.schemas.keypoints import EXAMPLE_KEYPOINTS, Keypoints
from model.mesh_confidence.colours import legend
from model.mesh_confidence.joints import JOINT_NAMES, LAYOUTS
from model.mesh_confidence.predictor import GOOD_ERROR, MeshConfidence

MAX_MESHES = 1000
"""Of one request."""
SIZES = sorted(LAYOUTS)
_KNOWN = ", ".join(f"{number} ({LAYOUTS[number][0]})" for number in SIZES)
Pixel = Annotated[list[Number], Field(min_length=2, max_length=2)]
EXAMPLE = {
    "projected": [
        *([95, 210], [97, 165], [100, 120], [124, 120], [127, 165], [129, 210]),
        *([70, 115], [78, 88], [95, 60], [129, 60], [146, 88], [154, 115], [112, 55], [112, 30]),
    ],
    "detected": [
        *([96, 209, 0.9], [97, 164, 0.9], [101, 121, 0.8], [123, 121, 0.8], [127, 166, 0.9]),
        *([129, 209, 0.9], [88, 140, 0.7], [79, 89, 0.9], [95, 61, 0.9], [129, 61, 0.9]),
        *([146, 87, 0.9], [154, 114, 0.9], [112, 56, 0.9], [112, 29, 0.9]),
    ],
}


class CropSquare(Received):
    """The square that errors are measured by."""

    centre: Pixel = Field(description="x, y in pixels.")
    side: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = Field(
        description="In pixels."
    )


class MeshConfidenceRequest(Received):
    """A picture; or any regressor's mesh beside a detector's keypoints, in pixels of a picture."""

    model_config = with_examples(
        {"image": EXAMPLE_PICTURE, "keypoints": EXAMPLE_KEYPOINTS}, EXAMPLE
    )

    image: str | None = Field(
        default=None, description="A picture file in base64 or as a data: URL."
    )
    keypoints: Keypoints | None = Field(
        default=None, description="With a picture: of the person whose mesh is judged."
    )
    projected: (
        Annotated[list[Pixel], Field(min_length=min(SIZES), max_length=max(SIZES))] | None
    ) = Field(
        default=None,
        description="The mesh's joints in the picture. Their number tells what they are: "
        f"{_KNOWN}.",
    )
    detected: (
        Annotated[
            list[Annotated[list[Number], Field(min_length=3, max_length=3)]],
            Field(min_length=min(SIZES), max_length=max(SIZES)),
        ]
        | None
    ) = Field(
        default=None,
        description="x, y and score in [0, 1] of the detector's keypoints, with as many points as "
        "any of these skeletons; best the same as the mesh's. A score of 0 means not found.",
    )
    crop: CropSquare | None = Field(
        default=None,
        description="The square around the person whose half side is the unit of errors; without "
        "it, one around the projected joints.",
    )

    @field_validator("projected", "detected")
    @classmethod
    def _known_number(cls, points: list[list[float]] | None) -> list[list[float]] | None:
        if points is not None and len(points) not in LAYOUTS:
            raise ValueError(f"has {len(points)} points; {_KNOWN} are known")
        return points

    @field_validator("detected")
    @classmethod
    def _scores(cls, points: list[list[float]] | None) -> list[list[float]] | None:
        for number, point in enumerate(points or ()):
            if not 0 <= point[2] <= 1:
                raise ValueError(f"[{number}] has the score {point[2]:g}; 0 to 1 are allowed")
        return points

    @model_validator(mode="after")
    def _picture_or_joints(self) -> "MeshConfidenceRequest":
        if self.image is not None and any((self.projected, self.detected, self.crop)):
            raise ValueError("image goes without projected, detected and crop")
        if self.image is None and self.keypoints is not None:
            raise ValueError("keypoints go with image; `detected` are those of a mesh")
        if self.image is None and (self.projected is None or self.detected is None):
            raise ValueError("either image, or projected and detected, are needed")
        return self


class LegendStep(Sent):
    """A colour of the meshes."""

    trust: float
    colour: str = Field(description="sRGB as #rrggbb.")


class JointTrust(Sent):
    """How far to trust one joint."""

    trust: float = Field(description=f"Probability that its error is at most {GOOD_ERROR}.")
    worst: float = Field(
        description="Probability that its error is the largest of all; these sum to one."
    )


class JudgedMesh(Sent):
    """How far to trust one mesh."""

    mesh: float = Field(description=f"Probability that no joint's error is above {GOOD_ERROR}.")
    good: bool = Field(description="Whether that is above one half.")
    joints: dict[str, JointTrust] = Field(description="By name: " + ", ".join(JOINT_NAMES) + ".")

    @classmethod
    def of(cls, judged: MeshConfidence) -> "JudgedMesh":
        """From the predictor's answer."""
        pairs = zip(JOINT_NAMES, judged.joints.tolist(), judged.worst.tolist(), strict=True)
        return cls(
            mesh=judged.mesh,
            good=judged.is_good,
            joints={name: JointTrust(trust=trust, worst=worst) for name, trust, worst in pairs},
        )


class MeshConfidences(Sent):
    """How far to trust meshes."""

    model_config = with_examples(
        {
            "meshes": [
                {
                    "mesh": 0.21,
                    "good": False,
                    "joints": {
                        "right_wrist": {"trust": 0.12, "worst": 0.81},
                        "left_knee": {"trust": 0.97, "worst": 0.004},
                    },
                }
            ],
            "legend": [{"trust": trust, "colour": colour} for trust, colour in legend()],
            "unit": "half a crop",
        }
    )

    meshes: list[JudgedMesh] = Field(
        description="In the order of what was sent; of a picture, the largest person first."
    )
    legend: list[LegendStep] = Field(description="Colours of the coloured meshes.")
    unit: str = Field(
        default="half a crop",
        description="Of errors: half the side of a square around the person, 1.2 times as large as "
        "the box of the projected joints.",
    )

    @classmethod
    def of(cls, judged: list[MeshConfidence]) -> "MeshConfidences":
        """From the predictor's answers."""
        steps = [LegendStep(trust=trust, colour=colour) for trust, colour in legend()]
        return cls(meshes=[JudgedMesh.of(one) for one in judged], legend=steps)


class MeshTrust(Sent):
    """How far to trust a reconstructed body."""

    mesh: float = Field(description="As POST /mesh/confidence gives it.")
    joints: dict[str, float] = Field(description="Trust of each joint, likewise.")

    @classmethod
    def of(cls, judged: MeshConfidence) -> "MeshTrust":
        """From the predictor's answer."""
        named: dict[str, Any] = dict(zip(JOINT_NAMES, judged.joints.tolist(), strict=True))
        return cls(
            mesh=round(judged.mesh, 4), joints={name: round(v, 4) for name, v in named.items()}
        )
