"""The stacked hourglass.

Source: Newell, Yang, Deng, Stacked Hourglass Networks for Human Pose Estimation, ECCV 2016,
arXiv 1603.06937. Here each stack gives two channels: the confidence, and one minus it.

B batch, C features, H W input size, h w a quarter of it.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class HourglassConfig:
    """Architecture of a stacked hourglass."""

    num_stacks: int = 2
    """Hourglasses one after the other, each with its own output."""
    num_features: int = 128
    """Width between the blocks; inside a block half of it."""
    depth: int = 4
    """Halvings inside an hourglass."""
    num_channels: int = 2
    """Output channels of each stack; the first is the confidence."""


class ResidualBlock(nn.Module):
    """1x1, 3x3, 1x1 convolutions around a skip, each behind batch norm and ReLU.

    Source: He et al., Identity Mappings in Deep Residual Networks, ECCV 2016, figure 4e.
    """

    def __init__(self, num_inputs: int, num_outputs: int) -> None:
        super().__init__()
        middle = max(1, num_outputs // 2)
        self.branch = nn.Sequential(
            nn.BatchNorm2d(num_inputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(num_inputs, middle, 1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle, middle, 3, padding=1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle, num_outputs, 1),
        )
        self.skip = (
            nn.Identity() if num_inputs == num_outputs else nn.Conv2d(num_inputs, num_outputs, 1)
        )

    def forward(self, features: Float[Tensor, "B Cin h w"]) -> Float[Tensor, "B Cout h w"]:
        """Keep the size, change the width."""
        skipped: Tensor = self.skip(features) + self.branch(features)
        return skipped


class Hourglass(nn.Module):
    """Look at the picture at ever coarser scales and bring each scale back to the finer one."""

    def __init__(self, depth: int, num_features: int) -> None:
        super().__init__()
        self.upper = ResidualBlock(num_features, num_features)
        self.before = ResidualBlock(num_features, num_features)
        self.inner: nn.Module = (
            Hourglass(depth - 1, num_features)
            if depth > 1
            else ResidualBlock(num_features, num_features)
        )
        self.after = ResidualBlock(num_features, num_features)

    def forward(self, features: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """Keep size and width."""
        upper: Tensor = self.upper(features)
        # ceil_mode keeps a last odd row, and a map of one pixel.
        lower = F.max_pool2d(features, 2, ceil_mode=True)
        lower = self.after(self.inner(self.before(lower)))
        return upper + F.interpolate(lower, size=upper.shape[-2:], mode="nearest")


class StackedHourglass(nn.Module):
    """Hourglasses in a row; each sees the features and the prediction of the one before."""

    def __init__(self, config: HourglassConfig) -> None:
        super().__init__()
        self.config = config
        num_features = config.num_features
        half = max(1, num_features // 2)
        self.stem = nn.Sequential(
            nn.Conv2d(3, half, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            ResidualBlock(half, num_features),
            nn.MaxPool2d(2, ceil_mode=True),
            ResidualBlock(num_features, num_features),
        )
        self.hourglasses = nn.ModuleList(
            Hourglass(config.depth, num_features) for _ in range(config.num_stacks)
        )
        self.heads = nn.ModuleList(
            nn.Sequential(
                ResidualBlock(num_features, num_features),
                nn.Conv2d(num_features, num_features, 1, bias=False),
                nn.BatchNorm2d(num_features),
                nn.ReLU(inplace=True),
            )
            for _ in range(config.num_stacks)
        )
        self.outputs = nn.ModuleList(
            nn.Conv2d(num_features, config.num_channels, 1) for _ in range(config.num_stacks)
        )
        self.remap_features = nn.ModuleList(
            nn.Conv2d(num_features, num_features, 1) for _ in range(config.num_stacks - 1)
        )
        self.remap_outputs = nn.ModuleList(
            nn.Conv2d(config.num_channels, num_features, 1) for _ in range(config.num_stacks - 1)
        )

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """One output per stack, the last one the best, at a quarter of the input's resolution.

        Args:
            images: RGB in [0, 1].
        """
        features: Tensor = self.stem(images)
        outputs: list[Tensor] = []
        for stack, (hourglass, head, output) in enumerate(
            zip(self.hourglasses, self.heads, self.outputs, strict=True)
        ):
            refined = head(hourglass(features))
            outputs.append(output(refined))
            if stack < len(self.remap_features):
                features = (
                    features
                    + self.remap_features[stack](refined)
                    + self.remap_outputs[stack](outputs[-1])
                )
        return outputs
