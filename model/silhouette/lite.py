"""A silhouette network on an encoder for which there are weights that know photos already.

An EfficientNet-Lite U-Net gives scores at half of the input's resolution; here each of its cells
has four, one for each pixel that it covers, so that the map has the input's own resolution.

Source of the four: Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient
Sub-Pixel Convolutional Neural Network, CVPR 2016.

B batch, H W input size.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from model.lite_unet import STRIDE, VARIANTS, LiteUNet


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

    def __post_init__(self) -> None:
        if self.variant not in range(len(VARIANTS)):
            raise ValueError(f"variant is {self.variant}; 0 to {len(VARIANTS) - 1} are known")


class LiteSilhouette(nn.Module):
    """Pictures to a confidence map."""

    def __init__(self, config: LiteConfig) -> None:
        """Draw the weights."""
        super().__init__()
        self.config = config
        self.unet = LiteUNet(config.variant, config.decoder_widths, num_classes=4)

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
        logits = F.pixel_shuffle(self.unet(padded), 2)
        return [logits[..., :height, :width].float().sigmoid()]
