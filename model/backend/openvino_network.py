"""A network that OpenVINO runs on a CPU.

It is compiled for one stream with all threads, which answers a lone batch soonest. Once batches
have met often it is also compiled for as many streams as fit beside each other, which answer many
batches soonest.

B batch, C channels, S side of the input, h w a map's size.
"""

import logging
import threading
import time
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.backend import feature_memory
from model.backend.freed_memory import return_freed_memory
from model.backend.mapped_model import MappedModel
from model.backend.occupancy import PROCESS
from model.backend.openvino_library import OpenVinoRefusedError, load_openvino, openvino_core
from model.processors import count_threads

PRECISIONS = {torch.float32: "f32", torch.bfloat16: "bf16"}
"""Formats that OpenVINO computes in, by PyTorch's name."""

MEETINGS = 8
"""Batches that run at the same time as another before the network is compiled for such batches.
The warm-up of a server, whose threads run the same examples, has fewer."""
_log = logging.getLogger(__name__)


class OpenVinoNetwork(nn.Module):
    """Gives what a PyTorch module gives, for pictures of one size. Threads may share it."""

    def __init__(self, mapped: MappedModel, dtype: torch.dtype) -> None:
        """Compile.

        Args:
            mapped: From `converted`.
            dtype: What to compute in; the maps are float32 whatever this is.

        Raises:
            OpenVinoRefusedError: OpenVINO cannot run the model.
        """
        super().__init__()
        self.dtype = dtype
        self._side: int = mapped.model.input(0).shape[-1]
        self._shape: tuple[int, ...] = tuple(mapped.model.output(0).shape)[1:]
        self.mapped = mapped
        self._total = count_threads()
        self._each = min(self._total, torch.get_num_threads())
        self._alone = _Streams(mapped, 1, self._total, PRECISIONS[dtype])
        # With a single stream both are the same.
        self._together = self._alone if self._each == self._total else None
        self._compiling = threading.Lock()
        self._meetings = 0

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
        streams = self._shared() if PROCESS.is_shared else self._alone
        # A processor's caches hold what one picture needs, not what a batch needs.
        for number in range(len(images)):
            streams.run(images[number : number + 1], maps[number : number + 1])
        feature_memory.PROCESS.has_run(streams)
        return maps.permute(0, 3, 1, 2)

    def _shared(self) -> "_Streams":
        """What runs a batch that is not alone; one of them waits for the compilation."""
        self._meetings += 1
        is_due = self._together is None and self._meetings > MEETINGS
        if is_due and self._compiling.acquire(blocking=False):
            start, num_streams = time.monotonic(), self._total // self._each
            try:
                self._together = self._together or _Streams(
                    self.mapped, num_streams, self._each, PRECISIONS[self.dtype]
                )
            finally:
                self._compiling.release()
            seconds = time.monotonic() - start
            _log.info("compiled for %d batches at the same time in %.1f s", num_streams, seconds)
        return self._together or self._alone


class _Streams:
    """A model, compiled for some inferences beside each other."""

    def __init__(
        self, mapped: MappedModel, num_streams: int, threads_each: int, precision: str
    ) -> None:
        openvino = load_openvino()
        try:
            self._compiled = openvino_core().compile_model(
                mapped.model,
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
        mapped.unload_weights()
        return_freed_memory()
        self._tensor = openvino.Tensor
        self._idle: list[Any] = []

    def release_memory(self) -> bool:
        """Return the memory of feature maps; it is allocated again when it is needed.

        Returns:
            False where nothing was returned, because an inference runs.
        """
        try:
            self._compiled.release_memory()
        except RuntimeError:  # OpenVINO's answer while one does
            return False
        return_freed_memory()
        return True

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
