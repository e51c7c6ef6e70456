"""What this server can do: one optional predictor a capability. Only this file names them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import torch

from app.settings import ConfigurationError, Settings
from app.topology import Topology
from model.body.predictor import BodyPredictor
from model.checkpoint import CheckpointHeader
from model.silhouette.predictor import SilhouettePredictor

_log = logging.getLogger(__name__)
_Predictor = TypeVar("_Predictor")


class CapabilityMissingError(Exception):
    """A capability whose checkpoint was not there when the server started."""


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


@dataclass(frozen=True)
class CapabilityStatus:
    """A capability as this server has it."""

    capability: Capability
    loaded: bool
    device: str | None = None
    header: CheckpointHeader | None = None
    input: str | None = None
    """What one item is, in words."""


@dataclass(frozen=True)
class Predictors:
    """The capabilities; None where there is no checkpoint."""

    silhouette: SilhouettePredictor | None = None
    body: BodyPredictor | None = None

    @classmethod
    def load(cls, settings: Settings) -> "Predictors":
        """Load every checkpoint that is there.

        Raises:
            ConfigurationError: The device or the folder of checkpoints is not there.
            HabitusError: A checkpoint is damaged.
        """
        folder = settings.checkpoints
        if not folder.is_dir():
            raise ConfigurationError(
                f"HABITUS_CHECKPOINTS is {folder}; there is no such folder here"
            )
        device = resolve_device(settings.device)
        return cls(
            silhouette=_load(SILHOUETTE, SilhouettePredictor.from_checkpoint, folder, device),
            body=_load(BODY, BodyPredictor.from_checkpoint, folder, device),
        )

    def need_silhouette(self) -> SilhouettePredictor:
        """The silhouette predictor.

        Raises:
            CapabilityMissingError: Its checkpoint is not loaded.
        """
        return _need(self.silhouette, SILHOUETTE)

    def need_body(self) -> BodyPredictor:
        """The body predictor.

        Raises:
            CapabilityMissingError: Its checkpoint is not loaded.
        """
        return _need(self.body, BODY)

    @cached_property
    def topology(self) -> Topology:
        """What all bodies share.

        Raises:
            CapabilityMissingError: The body asset is not loaded.
        """
        body = self.need_body()
        return Topology(body.faces, len(body.part_labels), body.joint_names)

    def statuses(self) -> list[CapabilityStatus]:
        """Each capability, loaded or not."""
        statuses = [CapabilityStatus(SILHOUETTE, False), CapabilityStatus(BODY, False)]
        if self.silhouette is not None:
            side = self.silhouette.input_size
            statuses[0] = CapabilityStatus(
                SILHOUETTE,
                True,
                str(self.silhouette.device),
                self.silhouette.header,
                f"a picture, seen at {side}x{side} pixels",
            )
        if self.body is not None:
            statuses[1] = CapabilityStatus(
                BODY,
                True,
                str(self.body.device),
                self.body.header,
                f"up to {self.body.num_betas} betas and 24 joint rotations",
            )
        return statuses


def resolve_device(name: str) -> torch.device:
    """The device that HABITUS_DEVICE means on this machine.

    Raises:
        ConfigurationError: There is no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigurationError("HABITUS_DEVICE is mps; this machine has no Metal device")
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise ConfigurationError(
                f"HABITUS_DEVICE is {name}; PyTorch sees {count} CUDA devices here"
            )
        return torch.device("cuda", device.index or 0)
    return device


def _load(
    capability: Capability,
    from_checkpoint: Callable[[Path, torch.device], _Predictor],
    folder: Path,
    device: torch.device,
) -> _Predictor | None:
    path = folder / capability.checkpoint
    if not path.exists():
        _log.warning("%s", capability.absence)
        return None
    return from_checkpoint(path, device)


def _need(predictor: _Predictor | None, capability: Capability) -> _Predictor:
    if predictor is None:
        raise CapabilityMissingError(capability.absence)
    return predictor
