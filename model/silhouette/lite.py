"""A silhouette network on an encoder for which there are weights that know photos already.

An EfficientNet-Lite U-Net gives scores at half of the input's resolution; here each of its cells
has four, one for each pixel that it covers, so that the map has the input's own resolution. The
encoder passes on a few numbers about such a cell, made for other purposes; where the map's outline
runs through it, the cell's own twelve say more, so they may be looked at once again.

Source of the four, and of the twelve read in the opposite way: Shi et al., Real-Time Single Image
and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network, CVPR 2016.

B batch, H W input size.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from model.lite_unet import STRIDE, VARIANTS, LiteUNet, convolution

_CELL = 2
"""Side of what one of the U-Net's scores stands for, in pixels."""


@dataclass(frozen=True)
class LiteConfig:
    """Architecture of an EfficientNet-Lite U-Net for silhouettes.

    Raises:
        ValueError: There is no such variant.
    """

    variant: int = 2
    """0 to 4, of EfficientNet-Lite0 to -Lite4."""
    decoder_widths: tuple[int, int, int, int] = (160, 128, 96, 64)
    """Channels on the way back, at strides 16, 8, 4 and 2."""
    detail_width: int = 0
    """Channels of the second look at the picture's own pixels; 0 has none."""

    def __post_init__(self) -> None:
        if self.variant not in range(len(VARIANTS)):
            raise ValueError(f"variant is {self.variant}; 0 to {len(VARIANTS) - 1} are known")
        if self.detail_width < 0:
            raise ValueError(f"detail_width is {self.detail_width}; it must not be negative")


class Detail(nn.Module):
    """Corrections of the scores from the picture's own pixels, seen beside the U-Net's features.

    At first they are zero, whatever the picture: put on a trained U-Net, they leave its map as it
    is.
    """

    def __init__(self, wide_in: int, width: int) -> None:
        """Draw the weights.

        Args:
            wide_in: Channels of the features.
            width: Of the layers between.
        """
        super().__init__()
        self.mix = convolution(wide_in + 3 * _CELL**2, width, 3)
        self.smooth = convolution(width, width, 3)
        self.correct = nn.Conv2d(width, _CELL**2, 1)
        nn.init.zeros_(self.correct.weight)
        assert self.correct.bias is not None
        nn.init.zeros_(self.correct.bias)

    def forward(self, features: Float[Tensor, "B C h w"], images: Tensor) -> Tensor:
        """What is added to the scores, (B, 4, h, w).

        Args:
            features: A vector for each cell.
            images: (B, 3, H, W), the pixels of the cells.
        """
        pixels = F.pixel_unshuffle(images, _CELL)
        # In the features' own layout, else both would be brought into another one.
        pixels = pixels.to(features.dtype, memory_format=torch.channels_last)
        return self.correct(self.smooth(self.mix(torch.cat([features, pixels], 1))))  # type: ignore[no-any-return]


class LiteSilhouette(nn.Module):
    """Pictures to a confidence map."""

    def __init__(self, config: LiteConfig) -> None:
        """Draw the weights."""
        super().__init__()
        self.config = config
        self.unet = LiteUNet(config.variant, config.decoder_widths, num_classes=_CELL**2)
        width = config.detail_width
        self.detail = Detail(config.decoder_widths[-1], width) if width else None

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """One map, (B, 1, H, W) in [0, 1], float32 whatever the rest is computed in.

        Args:
            images: RGB in [0, 1]. Where a side is no multiple of 32, its last row or column is
                repeated up to it.
        """
        height, width = images.shape[-2:]
        below, right = -height % STRIDE, -width % STRIDE
        # The encoder's weights were learned from pictures between -1 and 1.
        padded = F.pad(images * 2 - 1, (0, right, 0, below), mode="replicate")
        features = self.unet.features(padded)
        scores = self.unet.classify(features)
        if self.detail is not None:
            scores = scores + self.detail(features, padded)
        logits = F.pixel_shuffle(scores, _CELL)
        return [logits[..., :height, :width].float().sigmoid()]
