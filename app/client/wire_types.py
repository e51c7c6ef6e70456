"""The JSON of the service's answers and requests, as the OpenAPI document describes it."""

from typing import Any, Literal, NotRequired, TypedDict

People = Literal["all", "largest"]
Scheme = Literal["fine", "grouped"]
MapFormat = Literal["png", "npy", "json"]
WeightedFormat = Literal["png", "npy"]
MeshFormat = Literal["json", "glb", "obj", "ply", "npz"]
FacesFormat = Literal["json", "npy"]


class SeenKeypoint(TypedDict):
    """A COCO keypoint, in pixels, with a score in [0, 1]."""

    name: str
    x: float
    y: float
    score: float


class SeenPerson(TypedDict):
    """A person in the picture: left, top, right, bottom in pixels, and keypoints."""

    box: list[float]
    score: float
    keypoints: list[SeenKeypoint]


class ConfidenceMap(TypedDict):
    """Where the body is; the map is a grey PNG in base64."""

    height: int
    width: int
    mean_confidence: float
    max_confidence: float
    body_fraction: float
    body_box: list[int] | None
    people: list[SeenPerson] | None
    map_png_base64: str


class ClothingLabel(TypedDict):
    """A label of the scheme."""

    id: int
    name: str
    colour: list[int]


class FoundLabel(ClothingLabel):
    """A label that the picture holds."""

    area_fraction: float
    box: list[int]
    mean_score: float


class ClothingMap(TypedDict):
    """Which garment is where; the map is a grey PNG of ids in base64."""

    height: int
    width: int
    scheme: Scheme
    labels: list[FoundLabel]
    palette: list[ClothingLabel]
    map_png_base64: str


class Units(TypedDict):
    """What the numbers of a mesh mean."""

    length: NotRequired[str]
    up: NotRequired[str]


class BetasUse(TypedDict):
    """What became of the betas that were given."""

    num_betas: int
    num_betas_ignored: int
    num_betas_padded: int


class Mesh(BetasUse):
    """A surface, in metres, Y up. There are no faces where none were asked for."""

    vertices: list[list[float]]
    faces: NotRequired[list[list[int]]]
    joints: list[list[float]]
    joint_names: list[str]
    units: Units


class Faces(TypedDict):
    """The triangles that all bodies share."""

    faces: list[list[int]]
    num_vertices: int


class MeshSource(TypedDict, total=False):
    """A mesh to compare: `betas`, and optionally a pose, or else `vertices` in metres."""

    betas: list[float] | None
    body_pose: list[list[float]] | None
    global_orient: list[float] | None
    transl: list[float] | None
    vertices: list[list[float]] | None


class MeshErrors(TypedDict):
    """How far one mesh is from another, in millimetres."""

    mean_error_mm: float
    max_error_mm: float
    hausdorff_mm: float
    pve_t_sc_mm: float | None
    part_mean_error_mm: dict[str, float] | None
    num_vertices: int
    predicted_betas: NotRequired[BetasUse | None]
    ground_truth_betas: NotRequired[BetasUse | None]


class MeasurementValue(TypedDict):
    """A number with its unit, and its number in ISO 8559-1."""

    value: float
    unit: str
    iso_8559_1: NotRequired[str | None]


class BodyMeasurements(TypedDict):
    """Measurements by name."""

    measurements: dict[str, MeasurementValue]
    betas: NotRequired[BetasUse | None]


class Card(TypedDict):
    """A checkpoint, in short."""

    file: str
    architecture: str
    trained_on: str
    metrics: dict[str, Any]
    licence: str
    commit: str
    sha256: str


class CapabilityState(TypedDict):
    """A capability, and why it is not loaded."""

    name: str
    loaded: bool
    reason: NotRequired[str | None]
    endpoints: list[str]
    device: NotRequired[str | None]
    input: NotRequired[str | None]
    checkpoint: NotRequired[Card | None]


class Capabilities(TypedDict):
    """All capabilities of a server."""

    capabilities: list[CapabilityState]


class Liveness(TypedDict):
    """The process works."""

    status: NotRequired[str]


class Health(TypedDict):
    """The server takes requests."""

    status: NotRequired[str]
    loaded: list[str]
    missing: dict[str, str]


class FieldError(TypedDict):
    """A field at fault."""

    pointer: str
    detail: str


class Problem(TypedDict):
    """A problem document, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: NotRequired[list[FieldError] | None]
