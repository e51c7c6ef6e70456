"""A network that OpenVINO runs on a CPU.

It is compiled twice: one stream with all threads answers a lone batch soonest, and as many streams
as fit beside each other answer many batches soonest.

B batch, C channels, S side of the input, h w a map's size.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.backend.conversion import converted
from model.backend.occupancy import PROCESS
from model.backend.openvino_library import OpenVinoRefusedError, load_openvino
from model.processors import count_threads

PRECISIONS = {torch.float32: "f32", torch.bfloat16: "bf16"}
"""Formats that OpenVINO computes in, by PyTorch's name."""


class OpenVinoNetwork(nn.Module):
    """Gives what a PyTorch module gives, for pictures of one size. Threads may share it."""

    def __init__(self, module: nn.Module, side: int, dtype: torch.dtype, cache: Path) -> None:
        """Convert and compile.

        Args:
            module: Float32, on the CPU. Gives one tensor of maps, (B, C, h, w).
            side: Of the pictures.
            dtype: What to compute in; the maps are float32 whatever this is.
            cache: Folder of converted models.

        Raises:
            OpenVinoRefusedError: OpenVINO is missing, or cannot run the module.
        """
        super().__init__()
        self.dtype = dtype
        self._side = side
        model = converted(_PixelsTogether(module), torch.zeros(1, 3, side, side), cache)
        total = count_threads()
        each = min(total, torch.get_num_threads())
        precision = PRECISIONS[dtype]
        self._alone = _Streams(model, 1, total, precision)
        # With a single stream both are the same.
        self._shared = (
            _Streams(model, total // each, each, precision) if each < total else self._alone
        )
        self._shape: tuple[int, ...] = tuple(model.output(0).shape)[1:]

    def forward(self, images: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B C h w"]:
        """The maps; a pixel's channels lie together in memory.

        Raises:
            ValueError: The pictures have another size.
        """
        if images.shape[1:] != (3, self._side, self._side):
            raise ValueError(
                f"pictures are {tuple(images.shape[1:])}; 3x{self._side}x{self._side} are needed"
            )
        images = images.contiguous()
        maps = torch.empty(len(images), *self._shape)
        streams = self._shared if PROCESS.is_shared else self._alone
        # A processor's caches hold what one picture needs, not what a batch needs.
        for number in range(len(images)):
            streams.run(images[number : number + 1], maps[number : number + 1])
        return maps.permute(0, 3, 1, 2)


class _PixelsTogether(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B h w C"]:
        maps: Tensor = self.module(images).permute(0, 2, 3, 1)
        return maps


class _Streams:
    """A model, compiled for some inferences beside each other."""

    def __init__(self, model: Any, num_streams: int, threads_each: int, precision: str) -> None:
        openvino = load_openvino()
        try:
            self._compiled = openvino.Core().compile_model(
                model,
                "CPU",
                {
                    "NUM_STREAMS": num_streams,
                    "INFERENCE_NUM_THREADS": num_streams * threads_each,
                    "INFERENCE_PRECISION_HINT": precision,
                    # Other processes, and the other streams, use the same cores.
                    "ENABLE_CPU_PINNING": False,
                },
            )
        except RuntimeError as error:
            raise OpenVinoRefusedError(f"OpenVINO cannot run the network: {error}") from error
        self._tensor = openvino.Tensor
        self._idle: list[Any] = []

    def run(self, picture: Tensor, maps: Tensor) -> None:
        """Fill the maps of one picture; both are contiguous."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        request.set_input_tensor(self._tensor(picture.numpy(), shared_memory=True))
        request.set_output_tensor(self._tensor(maps.numpy(), shared_memory=True))
        request.infer(share_outputs=True)
        self._idle.append(request)
