"""What every capability that looks at pictures has in common: the way there, and the file.

B batch, H W a picture's size.
"""

import abc
import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from model.backend.choice import (
    PRECISIONS,
    chosen_int8,
    narrow_formats,
    narrowest_faithful,
    on_device,
)
from model.backend.freed_memory import return_freed_memory
from model.backend.mapped_model import MappedModel
from model.backend.occupancy import PROCESS
from model.backend.openvino_network import OpenVinoNetwork
from model.backend.quantized import QuantizedNetwork
from model.backend.trial_pictures import trial_pictures
from model.checkpoint import (
    CheckpointHeader,
    in_half_precision,
    load_checkpoint,
    save_checkpoint,
)
from model.errors import CheckpointError
from model.staging import MapsOnTheWay, PreparedBatch, prepare_batch

NetworkT = TypeVar("NetworkT", bound=nn.Module)
ServedT = TypeVar("ServedT", bound=nn.Module)
ResultT = TypeVar("ResultT")
PredictorT = TypeVar("PredictorT", bound="PicturePredictor[Any, Any, Any]")


class PicturePredictor(abc.ABC, Generic[NetworkT, ServedT, ResultT]):
    """A network that turns pictures into maps, with the way from pictures and back around it.

    `predict_batch` is `prepare_batch`, `run_batch` and `finish_batch` in a row. Only the second
    needs the device, so others may do the first for the next batch, and the third for the one
    before, while it works.
    """

    ARCHITECTURES: ClassVar[tuple[str, ...]]
    """What the headers of its checkpoints may name."""
    TOLERANCE: ClassVar[float]
    """How far apart, by `apart`, maps in a narrower format and in float32 may be."""

    def __init__(
        self,
        network: NetworkT,
        input_size: int,
        device: torch.device | str = "cpu",
        header: CheckpointHeader | None = None,
        dtype: torch.dtype | None = None,
        quantized: QuantizedNetwork | None = None,
    ) -> None:
        """Make the network as fast as the device allows without a change to what it says.

        Args:
            network: Copied, and moved to the device for that.
            input_size: Side of the square that pictures are letterboxed to.
            device: Where to run.
            header: Of the checkpoint that the network came from.
            dtype: What to compute in; None for the narrowest format that leaves what it says as it
                is.
            quantized: What runs in the place of the network, on a CPU.

        Raises:
            OpenVinoRefusedError: OpenVINO cannot run `quantized`.
            ValueError: The network has not the outputs that this capability needs.
        """
        self.check(network)
        self.device = torch.device(device)
        self.network: nn.Module = (
            self._in_dtype(network, input_size, dtype)
            if quantized is None
            else OpenVinoNetwork(MappedModel(quantized.model), torch.float32)
        )
        return_freed_memory()
        self.config: Any = network.config
        """Of the network, as its architecture defines it."""
        self.input_size = input_size
        self.header = header

    def _in_dtype(
        self, network: NetworkT, input_size: int, dtype: torch.dtype | None
    ) -> ServedT | OpenVinoNetwork:
        network = network.to(self.device).eval()
        run = on_device(partial(self.served, network), input_size, self.device)
        if dtype is not None:
            return run(dtype)
        return narrowest_faithful(
            run,
            narrow_formats(self.device),
            trial_pictures(input_size).to(self.device),
            self.apart,
            self.TOLERANCE,
        )

    @classmethod
    def from_checkpoint(
        cls: type[PredictorT],
        path: str | Path,
        device: torch.device | str = "cpu",
        precision: str = "auto",
    ) -> PredictorT:
        """Rebuild the network that the checkpoint describes, as the device runs it soonest.

        Args:
            path: The checkpoint.
            device: Where to run.
            precision: A name of `PRECISIONS`: what to compute in.

        Raises:
            FileNotFoundError: There is no such file; for int8, no int8 network beside it.
            CheckpointError: The file is damaged or holds something else.
            InvalidInputError: The device does not compute in that precision.
        """
        path = Path(path)
        network, input_size, header = cls.load_network(path)
        quantized = chosen_int8(path, header.sha256, torch.device(device), precision)
        dtype = PRECISIONS[precision]
        return cls(network, input_size, device, header, dtype, quantized)

    @classmethod
    def load_network(cls, path: Path) -> tuple[NetworkT, int, CheckpointHeader]:
        """A checkpoint's network in PyTorch, on the CPU; its input size in pixels; its header.

        Raises:
            FileNotFoundError: There is no such file.
            CheckpointError: The file is damaged or holds something else.
        """
        header, tensors = load_checkpoint(path, *cls.ARCHITECTURES)
        try:
            network = cls.rebuilt(header)
            cls.check(network)
            input_size = int(header.config["input_size"])
            network.load_state_dict(tensors, strict=True)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path.name} does not fit its network: {error}") from error
        return network.eval(), input_size, header

    def predict_batch(self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> list[ResultT]:
        """A result for each picture, whatever their sizes and proportions.

        Args:
            images: RGB, upright, each side at least 16 pixels.

        Raises:
            InvalidInputError: A picture is too small.
        """
        if not images:
            return []
        with PROCESS.one_more():
            return self.finish_batch(self.run_batch(self.prepare_batch(images)))

    def prepare_batch(self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> PreparedBatch:
        """Everything that can be done before the device is free.

        Args:
            images: As for `predict_batch`; at least one.

        Raises:
            InvalidInputError: A picture is too small.
        """
        return prepare_batch(images, self.input_size, self.device)

    def run_batch(self, prepared: PreparedBatch) -> MapsOnTheWay:
        """The device's own work. On CUDA it is queued, not awaited: the maps are on their way."""
        with torch.inference_mode():
            maps = self.network(prepared.on(self.device))
            return MapsOnTheWay.start(maps, prepared.letterboxes)

    @abc.abstractmethod
    def finish_batch(self, raw: MapsOnTheWay) -> list[ResultT]:
        """The results at the sizes of their pictures."""

    @staticmethod
    @abc.abstractmethod
    def rebuilt(header: CheckpointHeader) -> NetworkT:
        """The network that a header describes, its weights drawn.

        Raises:
            KeyError, TypeError, ValueError: It describes none.
        """

    @staticmethod
    @abc.abstractmethod
    def served(network: NetworkT, dtype: torch.dtype) -> ServedT:
        """PyTorch's copy in one format; it gives one tensor of maps, (B, C, h, w)."""

    @staticmethod
    @abc.abstractmethod
    def apart(found: Tensor, expected: Tensor) -> float:
        """How far maps are from those in float32."""

    @staticmethod
    def check(network: NetworkT) -> None:
        """Refuse a network without the outputs that this capability needs.

        Raises:
            ValueError: It has others.
        """


def save_network(
    path: Path,
    network: nn.Module,
    architecture: str,
    config: Any,
    input_size: int,
    header: CheckpointHeader,
) -> None:
    """Write what `PicturePredictor.from_checkpoint` reads; weights are kept in half precision.

    Args:
        path: Where to.
        network: Its weights, on any device.
        architecture: What the header calls it.
        config: A dataclass with everything that rebuilds it.
        input_size: Side of the square that pictures are letterboxed to.
        header: `architecture` and `config` are filled in here.

    Raises:
        ValueError: A weight is not finite in half precision.
    """
    described = {"network": dataclasses.asdict(config), "input_size": input_size}
    header = dataclasses.replace(header, architecture=architecture, config=described)
    save_checkpoint(path, in_half_precision(network.state_dict()), header)
