"""The networks that draw one person from skeletons.

All take the skeletons of consecutive frames and give the picture of the last one.

B batch, T frames, S side of the picture.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from model.synthesis.drawing import draw_sticks, limb_maps
from model.synthesis.limbs import NUM_LIMBS, NUM_POINTS

NetworkName = Literal["vector", "drawing", "conditional"]
REFERENCE_SIZE = 64
"""Side in pixels of the pictures of `vector` and `drawing`, which their layers fix."""


@dataclass(frozen=True)
class SynthesisConfig:
    """Architecture of a generator.

    Raises:
        ValueError: The picture's size does not fit the network.
    """

    network: NetworkName = "conditional"
    """`vector` and `drawing` are the networks of the course that Habitus follows."""
    image_size: int = 64
    """Side of the pictures in pixels."""
    widths: tuple[int, ...] = (32, 64, 128, 256)
    """Channels of `conditional` at each resolution; each is half of the one before."""
    num_frames: int = 2
    """Skeletons that `conditional` sees: the frame's, and those of the frames before."""

    def __post_init__(self) -> None:
        if self.network != "conditional":
            if self.image_size != REFERENCE_SIZE:
                raise ValueError(
                    f"image_size is {self.image_size}; {self.network} draws {REFERENCE_SIZE} pixels"
                )
            return
        multiple = 2 ** (len(self.widths) - 1)
        if not self.widths or self.image_size < 16 or self.image_size % multiple:
            raise ValueError(
                f"image_size is {self.image_size}; with {len(self.widths)} widths it must be a "
                f"multiple of {multiple}, and at least 16"
            )
        if self.num_frames < 1:
            raise ValueError(f"num_frames is {self.num_frames}; it must be positive")

    @property
    def frames_seen(self) -> int:
        """T: skeletons that the network takes."""
        return self.num_frames if self.network == "conditional" else 1

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "SynthesisConfig":
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


class Generator(nn.Module):
    """Skeletons to the picture of the last one, by one of the networks."""

    def __init__(self, config: SynthesisConfig) -> None:
        """Draw the weights."""
        super().__init__()
        self.config = config
        self.network: nn.Module
        if config.network == "vector":
            self.network = VectorNetwork()
        elif config.network == "drawing":
            self.network = DrawingNetwork()
        else:
            self.network = ConditionalNetwork(config)

    def forward(
        self, points: Float[Tensor, "B T 13 2"], size: int | None = None
    ) -> Float[Tensor, "B 3 S S"]:
        """RGB in [0, 1].

        Args:
            points: Fractions of the picture's side, x right and y down; T is the config's
                `frames_seen`, the last frame is drawn.
            size: S, which only `conditional` can change, to train on small pictures first; that
                of the config when left out.

        Raises:
            ValueError: The network cannot draw pictures of that size.
        """
        picture: Tensor = self.network(points, size or self.config.image_size)
        return picture


class VectorNetwork(nn.Module):
    """The 26 numbers to a picture of 64 pixels, as in the reference's GenNNSkeToImage.

    Source: Radford, Metz, Chintala, Unsupervised Representation Learning with Deep Convolutional
    Generative Adversarial Networks, ICLR 2016, figure 1, with half the channels.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (512, 256, 128, 64)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(2 * NUM_POINTS, widths[0], 4, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for wide_in, wide_out in pairwise(widths):
            layers += _doubled(wide_in, wide_out)
        layers.append(nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1, bias=False))
        self.layers = nn.Sequential(*layers)
        self.apply(draw_dcgan_weights)

    def forward(self, points: Float[Tensor, "B T 13 2"], size: int) -> Float[Tensor, "B 3 64 64"]:
        """RGB in [0, 1]."""
        _check_reference_size(size)
        vector = points[:, -1].flatten(1)[:, :, None, None]
        picture: Tensor = self.layers(vector)
        return to_unit(picture)


class DrawingNetwork(nn.Module):
    """A drawing of the skeleton to a picture of 64 pixels, as in the reference's GenNNSkeImToImage.

    The generator of the reference's GAN is the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_halved(3, 64),
            *_halved(64, 128),
            *_halved(128, 256),
            *_doubled(256, 128),
            *_doubled(128, 64),
            nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False),
        )
        self.apply(draw_dcgan_weights)

    def forward(self, points: Float[Tensor, "B T 13 2"], size: int) -> Float[Tensor, "B 3 64 64"]:
        """RGB in [0, 1]."""
        _check_reference_size(size)
        picture: Tensor = self.layers(draw_sticks(points[:, -1], REFERENCE_SIZE))
        return to_unit(picture)


class ConditionalNetwork(nn.Module):
    """A U-Net on maps of limbs that lays the person over a plate of the background.

    The network gives colours and a mask; where the mask is 0, the plate is seen. The plate is a
    parameter: training starts it from the median of the frames.

    Source: Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR
    2017, for the U-Net; Chan et al., Everybody Dance Now, ICCV 2019, for several frames at a time.
    """

    def __init__(self, config: SynthesisConfig) -> None:
        super().__init__()
        self.size, widths = config.image_size, config.widths
        self.size_multiple = 2 ** (len(widths) - 1)
        self.plate = nn.Parameter(torch.full((3, self.size, self.size), 0.5))
        self.stem = _convolved(config.num_frames * NUM_LIMBS + 2, widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(*_convolved(wide_in, wide_out, stride=2), *_convolved(wide_out, wide_out))
            for wide_in, wide_out in pairwise(widths)
        )
        self.up = nn.ModuleList(
            nn.Sequential(*_convolved(below + width, width), *_convolved(width, width))
            for below, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(widths[0], 4, 3, padding=1)

    def forward(self, points: Float[Tensor, "B T 13 2"], size: int) -> Float[Tensor, "B 3 S S"]:
        """RGB in [0, 1]."""
        if size % self.size_multiple:
            raise ValueError(f"size is {size}; a multiple of {self.size_multiple} is needed")
        maps = limb_maps(points.flatten(0, 1), size).unflatten(0, points.shape[:2])
        centres = (torch.arange(size, device=points.device) + 0.5) / size * 2 - 1
        grid = torch.stack(torch.meshgrid(centres, centres, indexing="xy"))
        grid = grid.to(points.dtype).expand(len(points), -1, -1, -1)
        features: Tensor = self.stem(torch.cat([maps.flatten(1, 2), grid], 1))
        skips = []
        for block in self.down:
            skips.append(features)
            features = block(features)
        for block in self.up:
            larger = F.interpolate(features, scale_factor=2.0, mode="nearest")
            features = block(torch.cat([larger, skips.pop()], 1))
        colours, mask = self.head(features).sigmoid().split((3, 1), 1)
        plate = self.plate
        if size != self.size:
            plate = F.interpolate(plate[None], (size, size), mode="area")[0]
        return mask * colours + (1 - mask) * plate


def _check_reference_size(size: int) -> None:
    if size != REFERENCE_SIZE:
        raise ValueError(f"size is {size}; this network draws {REFERENCE_SIZE} pixels")


def draw_dcgan_weights(module: nn.Module) -> None:
    """Convolutions from N(0, 0.02), batch norms from N(1, 0.02), as DCGAN's.

    Source: Radford et al., ICLR 2016, section 4.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)


def to_unit(picture: Tensor) -> Tensor:
    """Any numbers to [0, 1] through tanh."""
    return (picture.tanh() + 1) / 2


def _doubled(wide_in: int, wide_out: int) -> list[nn.Module]:
    return [
        nn.ConvTranspose2d(wide_in, wide_out, 4, 2, 1, bias=False),
        nn.BatchNorm2d(wide_out),
        nn.ReLU(inplace=True),
    ]


def _halved(wide_in: int, wide_out: int) -> list[nn.Module]:
    return [
        nn.Conv2d(wide_in, wide_out, 4, 2, 1, bias=False),
        nn.BatchNorm2d(wide_out),
        nn.ReLU(inplace=True),
    ]


def _convolved(wide_in: int, wide_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(wide_in, wide_out, 3, stride, 1, bias=False),
        nn.BatchNorm2d(wide_out),
        nn.LeakyReLU(0.2, inplace=True),
    )
