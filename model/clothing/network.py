"""The networks that say which garment is where: one of six, behind the same interface.

B batch, C labels, H W input size, h w the logits' size: H W divided by the network's own stride.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from model.clothing.torchvision_networks import TORCHVISION_NETWORKS, BackboneWithHeads
from model.clothing.unet import UNet
from model.lite_unet import STRIDE, LiteUNet

NetworkName = Literal[
    "unet",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "deeplabv3_mobilenet_v3_large",
    "fcn_resnet101",
    "efficientnet_lite_unet",
]
MINIMUM_SIDE = 32
"""Of the input, in pixels."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Of the photos that torchvision's weights were learned from, RGB in [0, 1]."""


@dataclass(frozen=True)
class ClothingConfig:
    """Architecture of a clothing network.

    Raises:
        ValueError: An auxiliary head is asked for, and the network has none.
    """

    network: NetworkName = "efficientnet_lite_unet"
    """Which of the networks."""
    num_classes: int = 59
    """Labels."""
    widths: tuple[int, ...] = (70, 140, 280, 560, 1120)
    """Channels of `unet` at each resolution."""
    lite_variant: int = 0
    """0 to 4, of EfficientNet-Lite0 to -Lite4 in `efficientnet_lite_unet`."""
    decoder_widths: tuple[int, ...] = (128, 96, 64, 48)
    """Channels of `efficientnet_lite_unet` on the way back, at strides 16, 8, 4 and 2."""
    auxiliary: bool = False
    """Whether a second head learns from earlier features; DeepLabV3 and FCN have one."""

    def __post_init__(self) -> None:
        if self.auxiliary and self.network not in TORCHVISION_NETWORKS:
            raise ValueError(
                f"{self.network} has no auxiliary head; {', '.join(TORCHVISION_NETWORKS)} do"
            )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ClothingConfig":
        """As it is in the header of a checkpoint, where tuples have become lists.

        Raises:
            TypeError: A field is unknown.
            ValueError: There is no such network.
        """
        if (network := values.get("network")) not in get_args(NetworkName):
            names = ", ".join(get_args(NetworkName))
            raise ValueError(f"network is {network!r}; there are {names}")
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**fields)


class ClothingNetwork(nn.Module):
    """Pictures to a score for each label at each place."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: ClothingConfig) -> None:
        """Draw the weights; nothing is downloaded."""
        super().__init__()
        self.config = config
        mean, deviation = IMAGENET_MEAN, IMAGENET_DEVIATION
        self.network: nn.Module
        if config.network == "unet":
            self.network = UNet(config.widths, config.num_classes)
            self.side_multiple = self.network.stride
        elif config.network == "efficientnet_lite_unet":
            self.network = LiteUNet(config.lite_variant, config.decoder_widths, config.num_classes)
            self.side_multiple = STRIDE
            # Its weights were learned from pictures between -1 and 1.
            mean = deviation = (0.5, 0.5, 0.5)
        else:
            self.network = BackboneWithHeads(config.network, config.num_classes, config.auxiliary)
            self.side_multiple = 1
        # The config says what they are: they are not in the checkpoint.
        for name, values in (("mean", mean), ("deviation", deviation)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """Logits (B, C, h, w), not enlarged; in training the auxiliary head's after them.

        They cover the input: enlarged to H x W they lie upon it.

        Args:
            images: RGB in [0, 1]; each side at least 32 pixels. Where the network needs a multiple
                of something, the picture's last row and column are repeated up to it.

        Raises:
            ValueError: A side is too small.
        """
        height, width = images.shape[-2:]
        if min(height, width) < MINIMUM_SIDE:
            raise ValueError(f"images are {height}x{width}; sides must be at least {MINIMUM_SIDE}")
        normalised = (images - self.mean) / self.deviation
        below, right = -height % self.side_multiple, -width % self.side_multiple
        found = self.network(F.pad(normalised, (0, right, 0, below), mode="replicate"))
        outputs = [found] if isinstance(found, Tensor) else found
        return [
            logits[
                ...,
                : math.ceil(logits.shape[-2] * height / (height + below)),
                : math.ceil(logits.shape[-1] * width / (width + right)),
            ]
            for logits in outputs
        ]
