import pytest
import torch

from model.silhouette.network import ResidualBlock
from training.reporting.cost import giga_flops


def test_operations_are_counted_as_written_out_for_a_convolution() -> None:
    """Two for each multiply-add of a 1x1, 3x3, 1x1 block on 8 x 8 pixels."""
    block = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), ResidualBlock(4, 4))
    multiply_adds = 64 * (3 * 4 + 4 * 2 + 2 * 2 * 9 + 2 * 4)
    assert giga_flops(block, 8) == pytest.approx(2 * multiply_adds / 1e9)
