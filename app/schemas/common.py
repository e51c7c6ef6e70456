"""Wire types that every capability shares."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from model.checkpoint import CheckpointHeader

MAX_MAGNITUDE = 1e6
"""Every number squared and summed stays finite in 32 bits."""

EXAMPLE_PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAJ0lEQVR42mP8//8/AymAiYFEwILGr4x2RxNpX7qTIhtG"
    "NYxqoJYGABAnBh+rZAroAAAAAElFTkSuQmCC"
)
"""A PNG of 16 x 16 pixels."""
Number = Annotated[float, Field(ge=-MAX_MAGNITUDE, le=MAX_MAGNITUDE, allow_inf_nan=False)]
Vector3 = Annotated[list[Number], Field(min_length=3, max_length=3)]


def with_examples(*examples: dict[str, Any]) -> ConfigDict:
    """The configuration of a model that has examples."""
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class Received(BaseModel):
    """What clients send: an unknown name or a number in quotes is an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class PictureInJson(Received):
    """A picture in JSON."""

    model_config = with_examples(
        {"image": EXAMPLE_PICTURE}, {"image": f"data:image/png;base64,{EXAMPLE_PICTURE}"}
    )

    image: str = Field(
        description="A picture file in base64, with or without line breaks; or a data: URL of one "
        "in base64. The server fetches no other URL."
    )


class Sent(BaseModel):
    """What clients get."""

    model_config = ConfigDict(frozen=True)


class FieldError(Sent):
    """One field at fault."""

    pointer: str = Field(description="JSON pointer to the field, within the body.")
    detail: str = Field(description="What is wrong with it.")


class Problem(Sent):
    """A problem document, RFC 9457."""

    model_config = with_examples(
        {
            "type": "/problems/unusable-input",
            "title": "Unusable input",
            "status": 422,
            "detail": "image is 8x8; each side must be at least 16 pixels",
            "instance": "5f0c7a52e6c84d5f9c3f1d6f0e6a1b2c",
        }
    )

    type: str = Field(description="The kind of problem: the path of a page that explains it.")
    title: str = Field(description="The kind of problem, in words.")
    status: int = Field(description="The HTTP status again.")
    detail: str = Field(description="What was found, and what is allowed.")
    instance: str = Field(description="The request id, also in X-Request-ID.")
    code: str | None = Field(
        default=None, description="What programs may branch on, such as `no-person`; if any."
    )
    errors: list[FieldError] | None = Field(
        default=None, description="The fields at fault, if any."
    )


class Card(Sent):
    """A checkpoint, in short."""

    file: str
    architecture: str
    trained_on: str
    metrics: dict[str, Any] = Field(description="Measured on held-out data.")
    licence: str
    commit: str = Field(description="Of the code that made it.")
    sha256: str = Field(description="Digest of its tensors.")

    @classmethod
    def of(cls, file: str, header: CheckpointHeader | None) -> "Card | None":
        """From a checkpoint's header; None where there is none."""
        if header is None:
            return None
        shown = {name: getattr(header, name) for name in cls.model_fields if name != "file"}
        return cls(file=file, **shown)


class CapabilityState(Sent):
    """A capability of this server."""

    name: str
    loaded: bool
    reason: str | None = Field(
        default=None, description="Why it is not loaded, and the command that helps."
    )
    endpoints: list[str]
    device: str | None = None
    input: str | None = Field(default=None, description="What one item is.")
    checkpoint: Card | None = None


class Capabilities(Sent):
    """All capabilities of this server."""

    model_config = with_examples(
        {
            "capabilities": [
                {
                    "name": "silhouette",
                    "loaded": True,
                    "endpoints": ["/confidence", "/confidence/weighted-image"],
                    "device": "cuda:0",
                    "input": "a picture, seen at 256x256 pixels",
                    "checkpoint": {
                        "file": "silhouette.safetensors",
                        "architecture": "efficientnet-lite-silhouette",
                        "trained_on": "rendered people and street photos",
                        "metrics": {"iou": 0.93},
                        "licence": "Apache-2.0",
                        "commit": "1165c01",
                        "sha256": "9f86d081884c7d65",
                    },
                }
            ]
        }
    )

    capabilities: list[CapabilityState]


class Liveness(Sent):
    """The process works."""

    model_config = with_examples({"status": "alive"})

    status: str = "alive"


class Health(Sent):
    """The server takes requests."""

    model_config = with_examples(
        {
            "status": "ready",
            "loaded": ["body"],
            "missing": {
                "silhouette": "silhouette is not loaded: silhouette.safetensors was not "
                "there when the server started. `python -m training fit silhouette` "
                "makes it; then restart the server."
            },
        }
    )

    status: str = "ready"
    loaded: list[str] = Field(description="Capabilities that answer.")
    missing: dict[str, str] = Field(description="Capabilities that do not, and why.")
