"""Which library runs a network, and in which number format."""

import logging
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from model.backend.choice import narrow_formats, narrowest_faithful, on_device
from model.backend.openvino_network import OpenVinoNetwork
from model.backend.trial_pictures import trial_pictures


class Factored(nn.Module):
    """Does what OpenVINO does not know: a QR factorisation."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, images: Tensor) -> Tensor:
        factors: Tensor = torch.geqrf(images)[0]
        return factors


class Halved(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, images: Tensor) -> Tensor:
        return images / 2


def test_a_processor_is_given_openvino() -> None:
    network = on_device(Halved, 8, torch.device("cpu"))(torch.float32)
    assert isinstance(network, OpenVinoNetwork)
    images = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(network(images), images / 2)


def test_pytorch_runs_what_openvino_refuses_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        network = on_device(Factored, 8, torch.device("cpu"))(torch.bfloat16)
    assert isinstance(network, Factored)
    assert network.dtype == torch.bfloat16
    assert "PyTorch runs the network: OpenVINO cannot" in caplog.text


def test_other_devices_are_given_pytorch() -> None:
    network = on_device(Halved, 8, torch.device("meta"))(torch.float16)
    assert isinstance(network, Halved)
    assert network.dtype == torch.float16


class Answers(nn.Module):
    """Says something else in bfloat16."""

    def __init__(self, change: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.answer = 1 + change * (dtype == torch.bfloat16)

    def forward(self, images: Tensor) -> Tensor:
        return torch.full((len(images), 1), self.answer)


@pytest.mark.parametrize(
    ("change", "taken"),
    [(0.1, torch.bfloat16), (0.6, torch.float32), (1.1, torch.float32), (torch.nan, torch.float32)],
    ids=["little", "more than the margin leaves", "more than is allowed", "overflow"],
)
def test_a_narrow_format_is_taken_where_the_answers_stay(change: float, taken: torch.dtype) -> None:
    tolerance = 0.01
    network = narrowest_faithful(
        partial(Answers, change * tolerance),
        [torch.bfloat16],
        torch.rand(2, 3, 8, 8),
        lambda found, expected: float((found - expected).abs().max()),
        tolerance,
    )
    assert network.dtype == taken


def test_a_processor_is_only_asked_for_what_it_is_fast_at() -> None:
    assert narrow_formats(torch.device("cpu")) in ([], [torch.bfloat16])
    assert narrow_formats(torch.device("cuda")) == [torch.float16]
    assert narrow_formats(torch.device("mps")) == []


def test_the_trial_pictures_are_pictures_and_always_the_same() -> None:
    pictures = trial_pictures(48)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert pictures.std() > 0.1
    assert torch.equal(pictures, trial_pictures(48))
