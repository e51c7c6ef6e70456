"""A U-Net on EfficientNet-Lite: small, quick on processors, and there are weights to start from.

Source: EfficientNet (Tan, Le, ICML 2019) without squeeze-and-excitation and with ReLU6, as its
authors published it in 2020 under the name EfficientNet-Lite; U-Net (Ronneberger, Fischer, Brox,
MICCAI 2015).

B batch, C channels, H W input size.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

STRIDE = 32
"""Sides of the input must be multiples of it."""


class Stage(NamedTuple):
    """Blocks of one kind, before scaling."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
"""EfficientNet-B0's, table 1 of the paper."""
VARIANTS = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8))
"""Width and depth factors of Lite0 to Lite4."""
STEM_WIDTH = 32
"""Not scaled in the Lite variants; nor are the repeats of the first and the last stage."""
SKIPS = (0, 1, 2, 4, 6)
"""Stages whose outputs the decoder sees: the last ones at strides 2, 4, 8, 16, 32."""


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: the odd pixel goes to the right and the bottom.

    The published weights were trained so. At stride 2 and even sizes symmetric padding would
    shift what each of them sees by a pixel.
    """

    def forward(self, input: Float[Tensor, "B C H W"]) -> Tensor:
        """Pad, then convolve."""
        height, width = (
            max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
            for side, stride, kernel in zip(
                input.shape[-2:], self.stride, self.kernel_size, strict=True
            )
        )
        padded = F.pad(input, (width // 2, width - width // 2, height // 2, height - height // 2))
        return super().forward(padded)


def convolution(
    wide_in: int, wide_out: int, kernel: int, stride: int = 1, groups: int = 1, relu: bool = True
) -> nn.Sequential:
    """Convolution, batch norm, ReLU6."""
    layers: list[nn.Module] = [
        # At stride 1 both paddings are the same, and torch's own is quicker.
        nn.Conv2d(wide_in, wide_out, kernel, 1, kernel // 2, groups=groups, bias=False)
        if stride == 1
        else SameConv2d(wide_in, wide_out, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(wide_out, eps=1e-3),
    ]
    return nn.Sequential(*layers, *([nn.ReLU6()] if relu else []))


class Depthwise(nn.Sequential):
    """A convolution of each channel by itself, batch norm, ReLU6; never in bfloat16 by autocast.

    Measured on a processor with bfloat16 units: its gradient takes twice as long there as in
    float32, and a training step of the whole network half as long again.
    """

    def __init__(self, width: int, kernel: int, stride: int) -> None:
        super().__init__(*convolution(width, width, kernel, stride, groups=width))

    def forward(self, input: Float[Tensor, "B C H W"]) -> Tensor:
        """The three."""
        if input.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return self._in_turn(input.float())
        return self._in_turn(input)

    def _in_turn(self, features: Tensor) -> Tensor:
        for layer in self:
            features = layer(features)
        return features


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; added to the input where the shapes allow it.

    Source: MobileNetV2 (Sandler et al., CVPR 2018), section 3.3.
    """

    def __init__(self, wide_in: int, stage: Stage, wide_out: int, stride: int) -> None:
        super().__init__()
        middle = wide_in * stage.expansion
        self.expand: nn.Module = (
            convolution(wide_in, middle, 1) if stage.expansion > 1 else nn.Identity()
        )
        self.depthwise = Depthwise(middle, stage.kernel, stride)
        self.project = convolution(middle, wide_out, 1, relu=False)
        self.adds = stride == 1 and wide_in == wide_out

    def forward(self, features: Float[Tensor, "B C H W"]) -> Tensor:
        """The block."""
        projected: Tensor = self.project(self.depthwise(self.expand(features)))
        return features + projected if self.adds else projected


class LiteEncoder(nn.Module):
    """EfficientNet-Lite without its head."""

    def __init__(self, variant: int = 0, channels: int = 3) -> None:
        """Draw the weights of EfficientNet-Lite0 to -Lite4, for an input of so many channels."""
        super().__init__()
        width_factor, depth_factor = VARIANTS[variant]
        self.stem = convolution(channels, STEM_WIDTH, 3, 2)
        self.stages = nn.ModuleList()
        self.widths: list[int] = []
        width = STEM_WIDTH
        for number, stage in enumerate(STAGES):
            fixed = number in (0, len(STAGES) - 1)
            repeats = stage.repeats if fixed else math.ceil(stage.repeats * depth_factor)
            wide_out = scaled_width(stage.width, width_factor)
            blocks = []
            for repeat in range(repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(InvertedResidual(width, stage, wide_out, stride))
                width = wide_out
            self.stages.append(nn.Sequential(*blocks))
            self.widths.append(width)

    def forward(self, images: Float[Tensor, "B C H W"]) -> list[Tensor]:
        """The features at strides 2, 4, 8, 16, 32.

        Args:
            images: From -1 to 1.
        """
        features = self.stem(images)
        found = []
        for stage in self.stages:
            features = stage(features)
            found.append(features)
        return [found[number] for number in SKIPS]


def scaled_width(width: int, factor: float) -> int:
    """To the nearest multiple of 8, and never by more than a tenth down."""
    rounded = max(8, int(width * factor + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width * factor else rounded


class Context(nn.Module):
    """What is in the whole picture, added to every place.

    Which garment a piece of cloth belongs to is often decided elsewhere in the picture.
    Source: the image pooling of DeepLabV3 (Chen et al., arXiv 1706.05587), section 3.3. Without a
    batch norm after the pooling, so that a batch of one can be learned from.
    """

    def __init__(self, wide_in: int, wide_out: int) -> None:
        super().__init__()
        self.local = convolution(wide_in, wide_out, 1)
        self.whole = nn.Conv2d(wide_in, wide_out, 1)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Tensor:
        """Local features plus those of the picture's mean."""
        mean = features.mean((2, 3), keepdim=True)
        return self.local(features) + self.whole(mean).relu()  # type: ignore[no-any-return]


class Widening(nn.Module):
    """One level of the decoder: twice the size, the encoder's features beside, two convolutions."""

    def __init__(self, wide_in: int, wide_skip: int, wide_out: int) -> None:
        super().__init__()
        self.mix = convolution(wide_in + wide_skip, wide_out, 3)
        self.smooth = convolution(wide_out, wide_out, 3)

    def forward(self, features: Float[Tensor, "B C H W"], skip: Tensor) -> Tensor:
        """The level above."""
        size = (skip.shape[-2], skip.shape[-1])
        larger = F.interpolate(features, size, mode="bilinear", align_corners=False)
        if larger.requires_grad:
            larger.register_hook(_dense)
        return self.smooth(self.mix(torch.cat([larger, skip], 1)))  # type: ignore[no-any-return]


def _dense(gradient: Tensor) -> Tensor:
    """Without gaps: a gradient of joined channels, cut, has them, and costs a bilinear step more.

    Measured on a processor, 16 maps of 96 x 128 x 64 in bfloat16: 47 ms, and so 11 ms.
    """
    return gradient.contiguous(memory_format=torch.channels_last)


class LiteUNet(nn.Module):
    """Label scores at half of the input's resolution."""

    def __init__(
        self,
        variant: int = 0,
        decoder_widths: tuple[int, ...] = (128, 96, 64, 48),
        num_classes: int = 59,
    ) -> None:
        """Draw the weights.

        Args:
            variant: 0 to 4, of EfficientNet-Lite0 to -Lite4.
            decoder_widths: Channels at strides 16, 8, 4, 2.
            num_classes: Labels.

        Raises:
            ValueError: There are not four widths.
        """
        super().__init__()
        if len(decoder_widths) != len(SKIPS) - 1:
            raise ValueError(f"decoder_widths is {decoder_widths}; four are needed")
        self.encoder = LiteEncoder(variant)
        *skips, deepest = (self.encoder.widths[number] for number in SKIPS)
        width = 2 * decoder_widths[0]
        self.context = Context(deepest, width)
        self.decoder = nn.ModuleList()
        for skip, wide_out in zip(reversed(skips), decoder_widths, strict=True):
            self.decoder.append(Widening(width, skip, wide_out))
            width = wide_out
        self.classify = nn.Conv2d(width, num_classes, 1)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Tensor:
        """Logits (B, num_classes, H / 2, W / 2).

        Args:
            images: From -1 to 1, as EfficientNet-Lite was trained; sides are multiples of 32.
        """
        logits: Tensor = self.classify(self.decoded(images)[-1])
        return logits

    def decoded(self, images: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """Features of the decoder at strides 16, 8, 4 and 2, of `decoder_widths` channels.

        Args:
            images: As for `forward`.
        """
        *skips, features = self.encoder(images)
        found = [self.context(features)]
        for level, skip in zip(self.decoder, reversed(skips), strict=True):
            found.append(level(found[-1], skip))
        return found[1:]
