"""What this server can do: one row a capability. Only this file and the routes name predictors."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch

from app.codecs.faces import Topology
from app.codecs.rigged_mesh import Rig
from app.engine.devices import Device, Predictor, count_workers, resolve_devices, synchronize
from app.schemas.common import CapabilityState, Card
from app.settings import ConfigurationError, Settings
from model.body.predictor import BodyParameters, BodyPredictor
from model.checkpoint import CheckpointHeader
from model.clothing.predictor import ClothingPredictor
from model.silhouette.predictor import SilhouettePredictor
from model.synthesis.predictor import Performance, SynthesisPredictor
from model.synthesis.skeletons import Skeletons

_log = logging.getLogger(__name__)
_Predictor = TypeVar("_Predictor")


class CapabilityMissingError(Exception):
    """The checkpoint of a capability was not there when the server started."""


@dataclass(frozen=True)
class Capability(Generic[_Predictor]):
    """A row of the table."""

    slug: str
    checkpoint: str
    """File name in HABITUS_CHECKPOINTS."""
    load: Callable[[Path, torch.device, str], _Predictor]
    """From its checkpoint, onto a device, in HABITUS_PRECISION."""
    example: Callable[[_Predictor], object]
    """Makes an item that warms the predictor."""
    input: Callable[[_Predictor], str]
    """Describes one item in words."""
    endpoints: tuple[str, ...]
    build: str
    """The command that makes the checkpoint."""
    fills_cpu: bool = True
    """Whether one item keeps a CPU thread busy, so that a batch larger than the number of threads
    only delays its first result."""
    file_setting: str | None = None
    """Setting that names another file than `checkpoint`."""

    @property
    def absence(self) -> str:
        """Why it is missing, and the command that helps."""
        return (
            f"{self.slug} is not loaded: {self.checkpoint} was not there when the server started. "
            f"`{self.build}` makes it; then restart the server."
        )

    def path(self, settings: Settings) -> Path:
        """Where its checkpoint is."""
        named: Path | None = getattr(settings, self.file_setting) if self.file_setting else None
        return named or settings.checkpoints / self.checkpoint


class _PicturePredictor(Protocol):
    @property
    def input_size(self) -> int: ...


def _blank_picture(predictor: _PicturePredictor) -> object:
    return np.zeros((predictor.input_size, predictor.input_size, 3), np.uint8)


def _picture_input(predictor: _PicturePredictor) -> str:
    return f"a picture, seen at {predictor.input_size}x{predictor.input_size} pixels"


def _persons(predictor: SynthesisPredictor) -> str:
    persons = "; ".join(f"{name} by {', '.join(all_)}" for name, all_ in predictor.persons.items())
    return f"skeletons of 13 or 33 points; drawn are {persons}"


SILHOUETTE = Capability(
    slug="silhouette",
    checkpoint="silhouette.safetensors",
    load=SilhouettePredictor.from_checkpoint,
    example=_blank_picture,
    input=_picture_input,
    endpoints=("/confidence", "/confidence/weighted-image"),
    build="python -m training fit silhouette",
)
BODY = Capability(
    slug="body",
    checkpoint="body_neutral.safetensors",
    load=lambda path, device, _: BodyPredictor.from_checkpoint(path, device),
    example=lambda _: BodyParameters(np.zeros(1, np.float32)),
    input=lambda body: f"up to {body.num_betas} betas and 24 joint rotations",
    endpoints=("/mesh", "/mesh/errors", "/mesh/faces", "/measurements"),
    build="python -m training assets body",
    fills_cpu=False,
    file_setting="body_asset",
)
CLOTHING = Capability(
    slug="clothing",
    checkpoint="clothing.safetensors",
    load=ClothingPredictor.from_checkpoint,
    example=_blank_picture,
    input=_picture_input,
    endpoints=("/clothing",),
    build="python -m training fit clothing",
)
SYNTHESIS = Capability(
    slug="synthesis",
    checkpoint="synthesis.safetensors",
    load=SynthesisPredictor.from_checkpoint,
    example=lambda _: Performance(Skeletons(np.full((1, 13, 2), 0.5, np.float32))),
    input=_persons,
    endpoints=("/synthesis",),
    build="python -m training fit synthesis",
)
CAPABILITIES: tuple[Capability[Any], ...] = (SILHOUETTE, BODY, CLOTHING, SYNTHESIS)


class Predictors:
    """The predictors of the capabilities that are loaded, on one device or several."""

    def __init__(
        self,
        *,
        body_file: str = BODY.checkpoint,
        replicas: tuple["Predictors", ...] = (),
        cpu_workers: int = 1,
        cpu_threads: int = 1,
        **predictors: Any,
    ) -> None:
        """Take the predictors, by slug; replicas are the same ones on further devices."""
        self._files = {**{row.slug: row.checkpoint for row in CAPABILITIES}, BODY.slug: body_file}
        self._replicas = replicas
        self.cpu_workers = cpu_workers
        self._cpu_threads = cpu_threads
        self._loaded = {row: predictors[row.slug] for row in CAPABILITIES if row.slug in predictors}

    @classmethod
    def load(cls, settings: Settings) -> "Predictors":
        """Load every checkpoint that is there.

        Raises:
            ConfigurationError: A device, the checkpoints or HABITUS_BODY_ASSET are missing or
                cannot be read.
            HabitusError: A checkpoint is damaged.
        """
        if not is_there(settings.checkpoints):
            raise ConfigurationError(
                f"HABITUS_CHECKPOINTS is {settings.checkpoints}; there is no such folder here"
            )
        if settings.body_asset is not None and not settings.body_asset.is_file():
            raise ConfigurationError(
                f"HABITUS_BODY_ASSET is {settings.body_asset}; there is no such file here"
            )
        present = [row for row in CAPABILITIES if is_there(row.path(settings))]
        for row in CAPABILITIES:
            if row not in present:
                _log.warning("%s", row.absence)
        first, *others = [
            {row.slug: row.load(row.path(settings), device, settings.precision) for row in present}
            for device in resolve_devices(settings.device)
        ]
        return cls(
            body_file=BODY.path(settings).name,
            replicas=tuple(cls(**replica) for replica in others),
            cpu_workers=count_workers(settings.cpu_threads),
            cpu_threads=settings.cpu_threads,
            **first,
        )

    def get(self, capability: Capability[_Predictor]) -> _Predictor | None:
        """The capability's predictor; None where it is not loaded."""
        return self._loaded.get(capability)

    def need(self, capability: Capability[_Predictor]) -> _Predictor:
        """The capability's predictor.

        Raises:
            CapabilityMissingError: It is not loaded.
        """
        if (predictor := self.get(capability)) is None:
            raise CapabilityMissingError(capability.absence)
        return predictor

    @cached_property
    def topology(self) -> Topology:
        """What all bodies share.

        Raises:
            CapabilityMissingError: The body asset is not loaded.
        """
        body = self.need(BODY)
        return Topology(body.faces, len(body.part_labels), body.joint_names)

    @cached_property
    def rig(self) -> Rig:
        """What all rigged bodies share; raises as `topology`."""
        return Rig.of(self.need(BODY), self.topology)

    def devices(self) -> list[Device]:
        """The devices and what is on each.

        On a CPU, threads that prepare and finish batches would take cores from the network.
        """
        return [
            Device(
                name=str(here._device),
                replicas={self._loaded[row]: here._loaded[row] for row in self._loaded},
                examples=[(loaded, row.example(loaded)) for row, loaded in here._loaded.items()],
                synchronize=partial(synchronize, here._device),
                limits=here._limits(self._cpu_threads),
                overlaps=here._device.type == "cuda",
            )
            for here in (self, *self._replicas)
            for _ in range(self.cpu_workers if here._device.type == "cpu" else 1)
        ]

    def states(self) -> list[CapabilityState]:
        """Each capability, loaded or not."""
        devices = ", ".join(str(here._device) for here in (self, *self._replicas))
        return [
            CapabilityState(
                name=row.slug,
                loaded=loaded is not None,
                reason=row.absence if loaded is None else None,
                endpoints=list(row.endpoints),
                device=None if loaded is None else devices,
                input=None if loaded is None else row.input(loaded),
                checkpoint=_card(self._files[row.slug], getattr(loaded, "header", None)),
            )
            for row in CAPABILITIES
            for loaded in [self.get(row)]
        ]

    @property
    def _device(self) -> torch.device:
        first = next(iter(self._loaded.values()), None)
        return torch.device("cpu") if first is None else first.device

    def _limits(self, cpu_threads: int) -> dict[Predictor, int]:
        if self._device.type != "cpu":
            return {}
        return {loaded: cpu_threads for row, loaded in self._loaded.items() if row.fills_cpu}


def _card(file: str, header: CheckpointHeader | None) -> Card | None:
    if header is None:
        return None
    shown = {name: getattr(header, name) for name in Card.model_fields if name != "file"}
    return Card(file=file, **shown)


def is_there(path: Path) -> bool:
    """Whether a readable file or a folder is there. An unreadable file is not a missing one.

    Raises:
        ConfigurationError: It, or a folder on the way, cannot be read.
    """
    try:
        if not path.is_dir():
            path.open("rb").close()
    except FileNotFoundError:
        return False
    except OSError as error:
        user = os.geteuid() if hasattr(os, "geteuid") else "of this process"
        raise ConfigurationError(
            f"{path} cannot be read by the user {user}: {error.strerror}"
        ) from error
    return True
