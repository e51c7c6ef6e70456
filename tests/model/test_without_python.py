import threading

import torch
from torch import Tensor, nn

from model.without_python import WithoutPython


class Counted(nn.Module):
    """Gives two results, and counts how often Python runs it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 2, 3, padding=1)
        self.num_runs = 0

    def forward(self, images: Tensor) -> list[Tensor]:
        self.num_runs += 1
        height = images.shape[-2]
        features = self.convolution(images)[..., : height // 2, :]
        return [features, features.relu()]


def test_it_gives_what_the_network_gives_for_inputs_of_any_shape() -> None:
    torch.manual_seed(0)
    network = Counted().requires_grad_(False)
    without_python = WithoutPython(network)
    with torch.inference_mode():
        for shape in ((1, 3, 8, 8), (2, 3, 8, 8), (1, 3, 4, 6), (1, 3, 8, 8)):
            images = torch.randn(shape)
            found, expected = without_python(images), network(images)
            # A compiled network may compute by other kernels.
            torch.testing.assert_close(found, expected)


def test_python_runs_the_network_once_for_each_shape_whatever_the_threads() -> None:
    network = Counted().requires_grad_(False)
    without_python = WithoutPython(network)
    images = torch.randn(1, 3, 8, 8)

    def run() -> None:
        with torch.inference_mode():
            for _ in range(5):
                without_python(images)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert network.num_runs == 1


def test_its_weights_are_the_networks() -> None:
    network = Counted()
    names = {f"network.{name}" for name in network.state_dict()}
    assert WithoutPython(network).state_dict().keys() == names
