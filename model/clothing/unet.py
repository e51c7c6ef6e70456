"""The U-Net.

Source: Ronneberger, Fischer, Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation,
MICCAI 2015, figure 1; with padded convolutions and batch norm, as is usual since.

B batch, C channels, H W input size.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn


class UNet(nn.Module):
    """Logits at the input's own resolution."""

    def __init__(self, widths: tuple[int, ...], num_classes: int) -> None:
        """Draw the weights.

        Args:
            widths: Channels at each resolution; each is half of the one before.
            num_classes: Labels.

        Raises:
            ValueError: There are no widths.
        """
        super().__init__()
        if not widths:
            raise ValueError("widths is empty; at least one is needed")
        self.stride = 2 ** (len(widths) - 1)
        """Sides of the input must be multiples of it."""
        self.encoder = nn.ModuleList(
            _two_convolutions(wide_in, wide_out)
            for wide_in, wide_out in zip((3, *widths[:-1]), widths, strict=True)
        )
        upward = tuple(reversed(widths))
        self.enlarge = nn.ModuleList(
            nn.ConvTranspose2d(below, width, 2, stride=2) for below, width in pairwise(upward)
        )
        self.decoder = nn.ModuleList(_two_convolutions(2 * width, width) for width in upward[1:])
        self.pool = nn.MaxPool2d(2)
        self.classify = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C H W"]:
        """Logits.

        Args:
            images: With mean 0 and deviation 1; sides are multiples of `stride`.
        """
        features: Tensor = self.encoder[0](images)
        skips = []
        for block in self.encoder[1:]:
            skips.append(features)
            features = block(self.pool(features))
        for enlarge, block in zip(self.enlarge, self.decoder, strict=True):
            features = block(torch.cat([skips.pop(), enlarge(features)], 1))
        logits: Tensor = self.classify(features)
        return logits


def _two_convolutions(wide_in: int, wide_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(wide_in, wide_out, 3, padding=1),
        nn.BatchNorm2d(wide_out),
        nn.ReLU(inplace=True),
        nn.Conv2d(wide_out, wide_out, 3, padding=1),
        nn.BatchNorm2d(wide_out),
        nn.ReLU(inplace=True),
    )
