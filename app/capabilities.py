"""What this server can do: one optional predictor a capability. Only this file names them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from app.checkpoint_files import is_there
from app.codecs.faces import Topology
from app.engine.device import Device, Predictor
from app.engine.devices import count_workers, resolve_devices, synchronize
from app.settings import ConfigurationError, Settings
from model.body.predictor import BodyParameters, BodyPredictor
from model.checkpoint import CheckpointHeader
from model.clothing.predictor import ClothingPredictor
from model.silhouette.predictor import SilhouettePredictor

_log = logging.getLogger(__name__)
_Predictor = TypeVar("_Predictor")

AnyPredictor = SilhouettePredictor | BodyPredictor | ClothingPredictor


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
CLOTHING = Capability(
    slug="clothing",
    checkpoint="clothing.safetensors",
    build="python -m training fit clothing",
    endpoints=("/clothing",),
)
CAPABILITIES = (SILHOUETTE, BODY, CLOTHING)


@dataclass(frozen=True)
class _Loaded:
    """A capability that is there."""

    predictor: AnyPredictor
    input: str
    """What one item is, in words."""
    example: object
    """An item."""


@dataclass(frozen=True)
class CapabilityStatus:
    """A capability as this server has it."""

    capability: Capability
    file: str
    """Name of its checkpoint."""
    loaded: bool
    devices: tuple[str, ...] = ()
    header: CheckpointHeader | None = None
    input: str | None = None
    """What one item is, in words."""

    @property
    def device(self) -> str | None:
        """Where it runs, in words."""
        return ", ".join(self.devices) or None


@dataclass(frozen=True)
class Predictors:
    """The capabilities; None where there is no checkpoint."""

    silhouette: SilhouettePredictor | None = None
    body: BodyPredictor | None = None
    clothing: ClothingPredictor | None = None
    body_file: str = BODY.checkpoint
    """Name of the body asset's file; HABITUS_BODY_ASSET may give another than the open one."""
    replicas: tuple["Predictors", ...] = ()
    """The same on further devices. Requests name the first; the engine finds the replica."""
    cpu_workers: int = 1
    """Batches that run at once on a processor."""
    cpu_threads: int = 1
    """Threads of each."""

    @classmethod
    def load(cls, settings: Settings) -> "Predictors":
        """Load every checkpoint that is there.

        Raises:
            ConfigurationError: A device, the checkpoints or HABITUS_BODY_ASSET are not there, or
                cannot be read.
            HabitusError: A checkpoint is damaged.
        """
        folder = settings.checkpoints
        if not is_there(folder):
            raise ConfigurationError(
                f"HABITUS_CHECKPOINTS is {folder}; there is no such folder here"
            )
        if settings.body_asset is not None and not settings.body_asset.is_file():
            raise ConfigurationError(
                f"HABITUS_BODY_ASSET is {settings.body_asset}; there is no such file here"
            )
        first, *others = [
            cls(
                silhouette=_load(SILHOUETTE, SilhouettePredictor.from_checkpoint, settings, device),
                body=_load(BODY, BodyPredictor.from_checkpoint, settings, device),
                clothing=_load(CLOTHING, ClothingPredictor.from_checkpoint, settings, device),
                body_file=_path(BODY, settings).name,
            )
            for device in resolve_devices(settings.device)
        ]
        return replace(
            first,
            replicas=tuple(others),
            cpu_workers=count_workers(settings.cpu_threads),
            cpu_threads=settings.cpu_threads,
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

    def need_clothing(self) -> ClothingPredictor:
        """The clothing predictor.

        Raises:
            CapabilityMissingError: Its checkpoint is not loaded.
        """
        return _need(self.clothing, CLOTHING)

    @cached_property
    def topology(self) -> Topology:
        """What all bodies share.

        Raises:
            CapabilityMissingError: The body asset is not loaded.
        """
        body = self.need_body()
        return Topology(body.faces, len(body.part_labels), body.joint_names)

    def devices(self) -> list[Device]:
        """The devices and what is on each.

        Only a device beside the processor gains from threads that prepare and finish: on a
        processor these take a thirtieth of a batch's time, and the network's own cores. Nor is a
        processor quicker with more pictures at once than it has threads: each of them would only
        be answered when the last is done.
        """
        return [
            Device(
                name=str(here._device),
                replicas={
                    loaded.predictor: here._loaded[capability].predictor
                    for capability, loaded in self._loaded.items()
                },
                examples=[(loaded.predictor, loaded.example) for loaded in here._loaded.values()],
                synchronize=partial(synchronize, here._device),
                limits=here._limits(self.cpu_threads),
                overlaps=here._device.type == "cuda",
            )
            for here in (self, *self.replicas)
            for _ in range(self.cpu_workers if here._device.type == "cpu" else 1)
        ]

    def _limits(self, cpu_threads: int) -> dict[Predictor, int]:
        if self._device.type != "cpu":
            return {}
        pictures = (self.silhouette, self.clothing)
        return {predictor: cpu_threads for predictor in pictures if predictor is not None}

    @cached_property
    def _loaded(self) -> dict[Capability, _Loaded]:
        loaded: dict[Capability, _Loaded] = {}
        if self.silhouette is not None:
            loaded[SILHOUETTE] = _picture(self.silhouette, self.silhouette.input_size)
        if self.body is not None:
            loaded[BODY] = _Loaded(
                self.body,
                f"up to {self.body.num_betas} betas and 24 joint rotations",
                BodyParameters(np.zeros(1, np.float32)),
            )
        if self.clothing is not None:
            loaded[CLOTHING] = _picture(self.clothing, self.clothing.input_size)
        return loaded

    @property
    def _device(self) -> torch.device:
        first = next(iter(self._loaded.values()), None)
        return torch.device("cpu") if first is None else first.predictor.device

    @property
    def _device_names(self) -> tuple[str, ...]:
        return tuple(str(here._device) for here in (self, *self.replicas))

    def statuses(self) -> list[CapabilityStatus]:
        """Each capability, loaded or not."""
        return [
            CapabilityStatus(
                capability,
                file,
                True,
                self._device_names,
                self._loaded[capability].predictor.header,
                self._loaded[capability].input,
            )
            if capability in self._loaded
            else CapabilityStatus(capability, file, False)
            for capability in CAPABILITIES
            for file in [self.body_file if capability is BODY else capability.checkpoint]
        ]


def _picture(predictor: SilhouettePredictor | ClothingPredictor, side: int) -> _Loaded:
    return _Loaded(
        predictor, f"a picture, seen at {side}x{side} pixels", np.zeros((side, side, 3), np.uint8)
    )


def _path(capability: Capability, settings: Settings) -> Path:
    if capability is BODY and settings.body_asset is not None:
        return settings.body_asset
    return settings.checkpoints / capability.checkpoint


def _load(
    capability: Capability,
    from_checkpoint: Callable[[Path, torch.device], _Predictor],
    settings: Settings,
    device: torch.device,
) -> _Predictor | None:
    path = _path(capability, settings)
    if not is_there(path):
        _log.warning("%s", capability.absence)
        return None
    return from_checkpoint(path, device)


def _need(predictor: _Predictor | None, capability: Capability) -> _Predictor:
    if predictor is None:
        raise CapabilityMissingError(capability.absence)
    return predictor
