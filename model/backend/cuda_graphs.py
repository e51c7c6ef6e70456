"""A network as a single launch: its kernels are recorded for each size of batch, then replayed.

A small network on a fast card is as slow as the processor that launches its hundreds of kernels. A
CUDA graph launches them all at once. It does the same work on the same memory every time, so each
size of batch has a graph of its own: the powers of two. Batches in between fill a part of the next.

Source: Accelerating PyTorch with CUDA Graphs (pytorch.org, 2021) and the notes on CUDA semantics in
PyTorch's manual.

B batch, C channels, H W input size.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

_log = logging.getLogger(__name__)

WARM_UP_RUNS = 3
"""Before a recording: libraries choose their kernels and take their workspaces meanwhile."""
TOLERANCE = 1e-2
"""Relative and absolute, between a recording and the network itself. It is for recordings that went
wrong, not for rounding."""


@runtime_checkable
class Recording(Protocol):
    """A network's work on a batch of one size."""

    inputs: Tensor
    """Where the next batch is put."""
    outputs: list[Tensor]
    """Where its results are after `replay`; overwritten by the next one."""

    def replay(self) -> None:
        """Queue the work on the current stream."""


Recorder = Callable[[nn.Module, Tensor], Recording]
"""Records a network for batches like the one that is given."""


class CudaGraphed(nn.Module):
    """Records a network when a size of batch is first seen, and replays it from then on.

    For inference by one thread, where the network does the same for every input of a shape. Results
    are valid until the next call on the same stream. A size that cannot be recorded, or whose
    recording says something else than the network, runs without one, and the log says so.
    """

    def __init__(self, network: nn.Module, recorder: Recorder | None = None) -> None:
        """Record nothing yet.

        Args:
            network: Gives a sequence of tensors whose first axis is the batch's. On its device, its
                weights final.
            recorder: None for CUDA graphs, which share their memory.
        """
        super().__init__()
        self.network = network
        self._recorder = recorder or _CudaRecorder()
        self._recorded: dict[torch.Size, Recording | None] = {}

    def forward(self, images: Float[Tensor, "B C H W"]) -> list[Tensor]:
        """What the network gives.

        Raises:
            torch.OutOfMemoryError: The device's memory does not hold it.
        """
        count = len(images)
        shape = torch.Size((_next_power_of_two(count), *images.shape[1:]))
        if shape not in self._recorded:
            self._recorded[shape] = self._record(images.new_empty(shape))
        recording = self._recorded[shape]
        if recording is None:
            return list(self.network(images))
        # What else is in there is an older batch's: finite, and nobody looks at its results.
        recording.inputs[:count].copy_(images)
        recording.replay()
        return [output[:count] for output in recording.outputs]

    def _record(self, example: Tensor) -> Recording | None:
        example = example.uniform_().contiguous(memory_format=torch.channels_last)
        expected = self.network(example)
        try:
            recording = self._recorder(self.network, example)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            # What leaves the block of a recording may hide why it had to end.
            if isinstance(error.__context__, torch.OutOfMemoryError):
                raise error.__context__ from None
            _log.warning("batches of %s run without a CUDA graph: %s", tuple(example.shape), error)
            return None
        recording.inputs.copy_(example)
        recording.replay()
        if all(map(_close, recording.outputs, expected)):
            return recording
        _log.warning(
            "batches of %s run without a CUDA graph: it gives something else than the network",
            tuple(example.shape),
        )
        return None


class CudaGraph:
    """A `Recording` that CUDA replays."""

    def __init__(
        self,
        network: nn.Module,
        example: Tensor,
        pool: Any,
        stream: torch.cuda.Stream,
    ) -> None:
        """Record it.

        Args:
            network: On the example's device.
            example: Batch of the size that all later ones have.
            pool: From `torch.cuda.graph_pool_handle`: memory that is shared with recordings that
                never run at the same time.
            stream: To record on; recordings share memory where they share it.

        Raises:
            RuntimeError: The network does something that cannot be recorded.
        """
        device = example.device
        self.inputs = example.clone(memory_format=torch.preserve_format)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(device):
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP_RUNS):
                    network(self.inputs)
            torch.cuda.current_stream(device).wait_stream(stream)
            # Other threads may pin pictures meanwhile: only this one is held to what a recording
            # allows.
            with torch.cuda.graph(
                self._graph, pool=pool, stream=stream, capture_error_mode="thread_local"
            ):
                self.outputs: list[Tensor] = list(network(self.inputs))

    def replay(self) -> None:
        """Queue it on the current stream of its device."""
        self._graph.replay()


class _CudaRecorder:
    """Makes CUDA graphs of one network, all in the same memory."""

    _one_at_a_time = threading.Lock()
    """PyTorch allows a process a single recording at any time, whatever the devices."""

    def __init__(self) -> None:
        self._shared: tuple[Any, torch.cuda.Stream] | None = None

    def __call__(self, network: nn.Module, example: Tensor) -> CudaGraph:
        with self._one_at_a_time:
            if self._shared is None:
                self._shared = torch.cuda.graph_pool_handle(), torch.cuda.Stream(example.device)
            return CudaGraph(network, example, *self._shared)


def _next_power_of_two(count: int) -> int:
    return 1 << (count - 1).bit_length()


def _close(found: Tensor, expected: Tensor) -> bool:
    return torch.allclose(found.float(), expected.float(), TOLERANCE, TOLERANCE)
