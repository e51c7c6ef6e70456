import copy
import logging

import pytest
import torch
from torch import Tensor, nn

from model.backend.cuda_graphs import CudaGraphed
from model.silhouette.inference import InferenceNetwork
from model.silhouette.lite import LiteConfig, LiteSilhouette
from model.silhouette.network import HourglassConfig, StackedHourglass


class TwoResults(nn.Module):
    """Gives two results, and keeps the sizes of the batches that it was run with."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 2, 3, padding=1)
        self.sizes: list[int] = []

    def forward(self, images: Tensor) -> list[Tensor]:
        self.sizes.append(len(images))
        features = self.convolution(images)
        return [features, features.mean((2, 3))]


class Replay:
    """What a CUDA graph does, without CUDA: the same memory in and out at every run."""

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        self._network = copy.deepcopy(network)
        self.inputs = example.clone()
        self.outputs = [torch.full_like(output, torch.nan) for output in network(example)]

    def replay(self) -> None:
        for output, found in zip(self.outputs, self._network(self.inputs), strict=True):
            output.copy_(found)


@pytest.fixture
def network() -> TwoResults:
    return TwoResults().requires_grad_(False)


def test_batches_of_any_size_give_what_the_network_gives(network: TwoResults) -> None:
    graphed = CudaGraphed(network, Replay)
    with torch.inference_mode():
        for shape in ((1, 3, 8, 8), (3, 3, 8, 8), (5, 3, 8, 8), (4, 3, 8, 8), (2, 3, 4, 6)):
            images = torch.randn(shape)
            found, expected = graphed(images), network(images)
            assert len(found) == 2
            for one, other in zip(found, expected, strict=True):
                torch.testing.assert_close(one, other)


def test_a_recording_serves_all_batches_up_to_its_power_of_two(network: TwoResults) -> None:
    recorded = []

    def record(network: nn.Module, example: Tensor) -> Replay:
        recorded.append(len(example))
        return Replay(network, example)

    graphed = CudaGraphed(network, record)
    with torch.inference_mode():
        for size in (1, 2, 3, 4, 3, 7, 5, 8, 1):
            graphed(torch.randn(size, 3, 8, 8))
    assert recorded == [1, 2, 4, 8]


def test_what_cannot_be_recorded_runs_as_it_is_and_the_log_says_so(
    network: TwoResults, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(network: nn.Module, example: Tensor) -> Replay:
        raise RuntimeError("operation not permitted when stream is capturing")

    graphed, images = CudaGraphed(network, refuse), torch.randn(3, 3, 8, 8)
    with torch.inference_mode(), caplog.at_level(logging.WARNING):
        for _ in range(3):
            torch.testing.assert_close(graphed(images), network(images))
    (record,) = caplog.records
    assert "(4, 3, 8, 8) run without a CUDA graph: operation not permitted" in record.message


def test_a_recording_that_says_something_else_is_not_used(
    network: TwoResults, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(Replay):
        def replay(self) -> None:
            super().replay()
            self.outputs[1].add_(0.1)

    graphed, images = CudaGraphed(network, Wrong), torch.randn(2, 3, 8, 8)
    with torch.inference_mode(), caplog.at_level(logging.WARNING):
        torch.testing.assert_close(graphed(images), network(images))
    assert "something else than the network" in caplog.text


@pytest.mark.parametrize("hidden", [False, True])
def test_a_full_device_is_told_as_such_and_the_size_is_tried_again_later(
    network: TwoResults, hidden: bool
) -> None:
    """The engine halves a batch for that error and for no other."""
    full = True

    def record(network: nn.Module, example: Tensor) -> Replay:
        if full and hidden:
            try:
                raise torch.OutOfMemoryError("tried to allocate")
            finally:
                raise RuntimeError("capture was invalidated")
        if full:
            raise torch.OutOfMemoryError("tried to allocate")
        return Replay(network, example)

    graphed, images = CudaGraphed(network, record), torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        with pytest.raises(torch.OutOfMemoryError, match="tried to allocate"):
            graphed(images)
        full = False
        network.sizes.clear()
        found = graphed(images)
        assert len(network.sizes) == 2, "run to record, then replayed"
        # A recording's memory is laid out otherwise, so another kernel may compute it.
        torch.testing.assert_close(found, network(images))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("kind", ["hourglass", "lite"])
def test_a_replayed_network_gives_what_it_gives_launched_kernel_by_kernel(
    dtype: torch.dtype, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    network = (
        StackedHourglass(HourglassConfig(num_features=32))
        if kind == "hourglass"
        else LiteSilhouette(LiteConfig(0))
    )
    served = InferenceNetwork(network.cuda().eval(), dtype)
    graphed = served.network
    assert isinstance(graphed, CudaGraphed)
    with torch.inference_mode(), caplog.at_level(logging.WARNING):
        for size in (4, 1, 3, 2, 4):
            images = torch.rand(size, 3, 64, 64, device="cuda")
            found = served(images)
            served.network = graphed.network
            expected = served(images)
            served.network = graphed
            torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)
    assert not caplog.records
