"""From a map at a quarter of the picture's resolution to one at the picture's own.

A map at a quarter of the resolution cannot hold a band of cloth of two to six pixels. Here the last
stack's features are brought together with the stem's features at half resolution, and each of their
cells then gives the four pixels that it covers.

Sources: Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
Convolutional Neural Network, CVPR 2016 (the four pixels of a cell); Ronneberger et al., U-Net,
MICCAI 2015 (the finer features).

B batch, C features, H W input size, h w a quarter of it, h2 w2 half of it.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Refinement(nn.Module):
    """Coarse features and finer ones to one map at twice the finer ones' resolution."""

    def __init__(self, num_coarse: int, num_fine: int, width: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(num_coarse, width, 1)
        self.fine = nn.Conv2d(num_fine, width, 1)
        self.branch = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
        )
        self.output = nn.Sequential(
            nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.Conv2d(width, 4, 3, padding=1)
        )

    def forward(
        self, coarse: Float[Tensor, "B Cc h w"], fine: Float[Tensor, "B Cf h2 w2"]
    ) -> Float[Tensor, "B 1 H W"]:
        """Logits; H and W are twice the fine features' height and width."""
        upsampled = F.interpolate(
            self.coarse(coarse), size=fine.shape[-2:], mode="bilinear", align_corners=False
        )
        joined = upsampled + self.fine(fine)
        logits: Tensor = F.pixel_shuffle(self.output(joined + self.branch(joined)), 2)
        return logits
