"""What a server can do: where each capability comes from and what it serves."""

from dataclasses import dataclass
from pathlib import Path

from app.settings import Settings


@dataclass(frozen=True)
class Capability:
    """Where a capability comes from and what it serves."""

    slug: str
    checkpoint: str
    """File name in the folder of checkpoints."""
    build: str
    """The command that makes the checkpoint."""
    endpoints: tuple[str, ...]

    @property
    def absence(self) -> str:
        """Why it is not there, and what to do about it."""
        return (
            f"{self.slug} is not loaded: {self.checkpoint} was not there when the server started. "
            f"`{self.build}` makes it; then restart the server."
        )


SILHOUETTE = Capability(
    slug="silhouette",
    checkpoint="silhouette.safetensors",
    build="python -m training fit silhouette",
    endpoints=("/confidence", "/confidence/weighted-image"),
)
BODY = Capability(
    slug="body",
    checkpoint="body_neutral.safetensors",
    build="python -m training assets body",
    endpoints=("/mesh", "/mesh/errors", "/mesh/faces"),
)
CLOTHING = Capability(
    slug="clothing",
    checkpoint="clothing.safetensors",
    build="python -m training fit clothing",
    endpoints=("/clothing",),
)
CAPABILITIES = (SILHOUETTE, BODY, CLOTHING)


def checkpoint_path(capability: Capability, settings: Settings) -> Path:
    """Where a capability is loaded from; HABITUS_BODY_ASSET may name another body."""
    if capability is BODY and settings.body_asset is not None:
        return settings.body_asset
    return settings.checkpoints / capability.checkpoint
