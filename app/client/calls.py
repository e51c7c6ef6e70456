"""The requests of the service: a function for each operation, named as in the OpenAPI document."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Generic, Never, Protocol, TypeVar

from app.client.wire_types import (
    BodyMeasurements,
    Capabilities,
    ClothingMap,
    ConfidenceMap,
    Faces,
    FacesFormat,
    Health,
    Liveness,
    MapFormat,
    Mesh,
    MeshErrors,
    MeshFormat,
    MeshSource,
    People,
    Scheme,
    WeightedFormat,
)

Json_co = TypeVar("Json_co", covariant=True)
Picture = str | PathLike[str] | bytes
"""The name of a picture file, or what is in one."""


class Listable(Protocol):
    """An array of numpy, PyTorch, ..."""

    def tolist(self) -> Any:
        """As nested lists."""


Vector = Sequence[float] | Listable
Matrix = Sequence[Vector] | Listable


@dataclass(frozen=True)
class Call(Generic[Json_co]):
    """A request that has not been sent. `Json_co` is the JSON of its answer."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    content_type: str | None = None


def predict_confidence(
    image: Picture, *, people: People = "all", format: MapFormat = "png"
) -> Call[ConfidenceMap]:
    """Where the body is in a photo."""
    return _of_picture("/confidence", image, {"people": people, "format": format})


def weight_image(
    image: Picture, *, people: People = "all", format: WeightedFormat = "png"
) -> Call[Never]:
    """A photo multiplied by its confidence map."""
    return _of_picture("/confidence/weighted-image", image, {"people": people, "format": format})


def segment_clothing(
    image: Picture, *, scheme: Scheme = "grouped", format: MapFormat = "png"
) -> Call[ClothingMap]:
    """Which garment is where in a photo."""
    return _of_picture("/clothing", image, {"scheme": scheme, "format": format})


def make_mesh(
    betas: Vector,
    *,
    body_pose: Matrix | None = None,
    global_orient: Vector | None = None,
    transl: Vector | None = None,
    faces: bool = True,
    rig: bool = False,
    format: MeshFormat | None = None,
) -> Call[Mesh]:
    """A body from its shape and pose: JSON, or GLB where `rig` is set, unless `format` is given."""
    query = {"faces": _flag(faces), "rig": _flag(rig)}
    body = {
        "betas": betas,
        "body_pose": body_pose,
        "global_orient": global_orient,
        "transl": transl,
    }
    return _of_json("/mesh", body, query if format is None else {**query, "format": format})


def get_mesh_faces(*, format: FacesFormat = "json") -> Call[Faces]:
    """The triangles that all bodies share."""
    return Call("GET", "/mesh/faces", {"format": format})


def compare_meshes(predicted: MeshSource, ground_truth: MeshSource) -> Call[MeshErrors]:
    """How far one mesh is from another, in millimetres."""
    return _of_json("/mesh/errors", {"predicted": predicted, "ground_truth": ground_truth})


def measure_body(
    betas: Vector | None = None, *, vertices: Matrix | None = None
) -> Call[BodyMeasurements]:
    """What a tape and scales say of a body: either its betas or its vertices in T-pose."""
    return _of_json("/measurements", {"betas": betas, "vertices": vertices})


def list_models() -> Call[Capabilities]:
    """The capabilities, and why one is missing."""
    return Call("GET", "/models")


def get_liveness() -> Call[Liveness]:
    """Whether the process works."""
    return Call("GET", "/health/live")


def get_readiness() -> Call[Health]:
    """Whether requests should be sent."""
    return Call("GET", "/health/ready")


def get_liveness_v2() -> Call[Liveness]:
    """As `get_liveness`, at the path that KServe asks."""
    return Call("GET", "/v2/health/live")


def get_readiness_v2() -> Call[Health]:
    """As `get_readiness`, at the path that KServe asks."""
    return Call("GET", "/v2/health/ready")


def get_metrics() -> Call[Never]:
    """Prometheus' text."""
    return Call("GET", "/metrics")


def _of_picture(path: str, image: Picture, query: Mapping[str, str]) -> Call[Any]:
    data = image if isinstance(image, bytes) else Path(image).read_bytes()
    # Its content tells its format.
    return Call("POST", path, query, data, "image/*")


def _of_json(
    path: str, body: Mapping[str, Any], query: Mapping[str, str] | None = None
) -> Call[Any]:
    given = {name: value for name, value in body.items() if value is not None}
    content = json.dumps(given, default=_listed).encode()
    return Call("POST", path, query or {}, content, "application/json")


def _listed(array: Any) -> Any:
    try:
        return array.tolist()
    except AttributeError:
        raise TypeError(f"a list or an array is needed; {type(array).__name__} was given") from None


def _flag(value: bool) -> str:
    return "true" if value else "false"
