"""A network on OpenVINO, beside PyTorch."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from model.backend.conversion import converted
from model.backend.occupancy import PROCESS
from model.backend.openvino_network import MEETINGS, OpenVinoNetwork

SIDE = 24


class Maps(nn.Module):
    """Three maps at half of the resolution, with what the served networks are made of."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        features = self.norm(self.convolution(images)).relu()
        larger = nn.functional.interpolate(features, scale_factor=2.0, mode="bilinear")
        maps: Tensor = self.last(nn.functional.max_pool2d(larger, 2)).softmax(1)
        return maps


@pytest.fixture(scope="module")
def module() -> nn.Module:
    return Maps().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def network(module: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> OpenVinoNetwork:
    return OpenVinoNetwork(converted(module, SIDE, tmp_path_factory.mktemp("cache")), torch.float32)


@pytest.mark.parametrize("num", [1, 3])
def test_it_gives_what_pytorch_gives(num: int, module: nn.Module, network: OpenVinoNetwork) -> None:
    images = torch.rand(num, 3, SIDE, SIDE)
    found = network(images)
    torch.testing.assert_close(found, module(images), atol=1e-5, rtol=0)
    assert found.permute(0, 2, 3, 1).is_contiguous()
    strided = images.to(memory_format=torch.channels_last)
    torch.testing.assert_close(network(strided), found)


def test_bfloat16_is_close_and_its_maps_are_float32(module: nn.Module, tmp_path: Path) -> None:
    network = OpenVinoNetwork(converted(module, SIDE, tmp_path), torch.bfloat16)
    images = torch.rand(2, 3, SIDE, SIDE)
    found = network(images)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, module(images), atol=0.02, rtol=0)


def test_pictures_of_another_size_are_refused(network: OpenVinoNetwork) -> None:
    with pytest.raises(ValueError, match=r"\(3, 8, 8\); 3x24x24 are needed"):
        network(torch.rand(1, 3, 8, 8))


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_may_share_it_and_each_gets_its_own_maps(
    threads: int,
    module: nn.Module,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On as many cores as there are, lone or together with others."""
    monkeypatch.delenv("OMP_NUM_THREADS")
    network = OpenVinoNetwork(converted(module, SIDE, tmp_path), torch.float32)
    batches = torch.rand(40, 1, 3, SIDE, SIDE)

    def work(batch: Tensor) -> Tensor:
        with PROCESS.one_more():
            maps: Tensor = network(batch)
        return maps

    with ThreadPoolExecutor(threads) as pool:
        found = torch.cat(list(pool.map(work, batches)))
    torch.testing.assert_close(found, module(batches[:, 0]), atol=1e-5, rtol=0)


def test_it_is_compiled_for_batches_that_meet_once_they_have_met_often(
    module: nn.Module,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("model.backend.openvino_network.count_threads", lambda: 2)
    network = OpenVinoNetwork(converted(module, SIDE, tmp_path), torch.float32)
    images = torch.rand(1, 3, SIDE, SIDE)
    with caplog.at_level(logging.INFO), PROCESS.one_more():
        for _ in range(2 * MEETINGS):
            network(images)
        assert "compiled" not in caplog.text, "a lone batch meets none"
        with PROCESS.one_more():
            for _ in range(MEETINGS):
                network(images)
            assert "compiled" not in caplog.text
            found = network(images)
    assert "compiled for 2 batches at the same time" in caplog.text
    torch.testing.assert_close(found, module(images), atol=1e-5, rtol=0)
