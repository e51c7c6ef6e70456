"""A U-Net on EfficientNet-Lite that predicts confidence maps, and people's keypoints and boxes.

The U-Net's scores have half of the input's resolution. Each of their cells has four channels, one
for each pixel that the cell covers, so that the map has the input's own resolution.

Sources: Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
Convolutional Neural Network, CVPR 2016 (the four channels); Zhou, Wang, Krähenbühl, Objects as
Points, arXiv 1904.07850 (people as peaks of a heat map of box centres).

B batch, H W input size.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from model.lite_unet import STRIDE, VARIANTS, LiteUNet, convolution
from model.skeletons import COCO_17_NAMES

PEOPLE_CHANNELS = len(COCO_17_NAMES) + 1 + 4
"""Heat maps of keypoints, a heat map of box centres, distances from a cell to a box's sides."""
PEOPLE_STRIDE = 4
"""Pixels of the input along each side of a cell of those maps."""
RARE = -4.6
"""Logit of 0.01: at the start of training hardly any cell is taken for a keypoint or a centre."""
TYPICAL_DISTANCE = 2.8
"""Logarithm of 16 cells, a quarter of an input of 256 pixels: what distances start from."""


@dataclass(frozen=True)
class LiteConfig:
    """Architecture of an EfficientNet-Lite U-Net for silhouettes.

    Raises:
        ValueError: There is no such variant, or `head_width` is negative.
    """

    variant: int = 2
    """0 to 4, of EfficientNet-Lite0 to -Lite4."""
    decoder_widths: tuple[int, int, int, int] = (160, 128, 96, 64)
    """Channels of the decoder at strides 16, 8, 4 and 2."""
    head_width: int = 0
    """Channels of the head for people's keypoints and boxes; 0 leaves the head out."""

    def __post_init__(self) -> None:
        if self.variant not in range(len(VARIANTS)):
            raise ValueError(f"variant is {self.variant}; 0 to {len(VARIANTS) - 1} are known")
        if self.head_width < 0:
            raise ValueError(f"head_width is {self.head_width}; 0 or more is needed")


class LiteSilhouette(nn.Module):
    """Pictures to a confidence map, and to maps of people where it has the head for them."""

    def __init__(self, config: LiteConfig) -> None:
        """Draw the weights."""
        super().__init__()
        self.config = config
        self.unet = LiteUNet(config.variant, config.decoder_widths, num_classes=4)
        self.people = people_head(config.decoder_widths[2], config.head_width)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """The maps of people if there is a head for them, then the confidence map.

        Maps of people are (B, 22, H / 4, W / 4), rounded up: logits of 17 keypoints, a logit of
        box centres, and logarithms of distances to the box's left, top, right and bottom in cells.
        The confidence map is (B, 1, H, W) in [0, 1], float32 whatever the rest is computed in.

        Args:
            images: RGB in [0, 1]. Where a side is no multiple of 32, its last row or column is
                repeated up to it.
        """
        height, width = images.shape[-2:]
        below, right = -height % STRIDE, -width % STRIDE
        # The encoder's weights were learned from pictures between -1 and 1.
        padded = F.pad(images * 2 - 1, (0, right, 0, below), mode="replicate")
        *_, coarse, fine = self.unet.decoded(padded)
        logits = F.pixel_shuffle(self.unet.classify(fine), 2)
        confidence = logits[..., :height, :width].float().sigmoid()
        if self.people is None:
            return [confidence]
        rows, columns = -(-height // PEOPLE_STRIDE), -(-width // PEOPLE_STRIDE)
        return [self.people(coarse)[..., :rows, :columns].float(), confidence]


def people_head(wide_in: int, width: int) -> nn.Sequential | None:
    """Features at stride 4 to maps of people; None if the width is 0."""
    if not width:
        return None
    output = nn.Conv2d(width, PEOPLE_CHANNELS, 1)
    assert output.bias is not None
    nn.init.normal_(output.weight, std=0.01)
    nn.init.constant_(output.bias.data, RARE)
    nn.init.constant_(output.bias.data[-4:], TYPICAL_DISTANCE)
    return nn.Sequential(convolution(wide_in, width, 3), output)
