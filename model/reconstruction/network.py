"""Crops of people to shape, pose and camera.

Sources: Kanazawa et al., End-to-end Recovery of Human Shape and Pose, CVPR 2018 (features of a crop
to SMPL's parameters); Zhou et al., On the Continuity of Rotation Representations in Neural
Networks, CVPR 2019 (six numbers a rotation); Li et al., CLIFF, ECCV 2022 (where the crop lies in
the picture is an input too); Kendall, Gal, What Uncertainties Do We Need in Bayesian Deep Learning,
NeurIPS 2017 (a variance beside each number).

B batch, C input channels, S side of the crop, K keypoints, N betas, J joints.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from model.lite_unet import STRIDE, VARIANTS, LiteEncoder, convolution
from model.skeletons import COCO_17_NAMES, SMPL_24_JOINT_NAMES

NUM_KEYPOINTS = len(COCO_17_NAMES)
NUM_JOINTS = len(SMPL_24_JOINT_NAMES)
LAYERS = {
    "photo": ("photo",),
    "weighted_photo": ("weighted_photo",),
    "map": ("map",),
    "photo_and_map": ("photo", "map"),
    "dressed": ("silhouette",),
    "body": ("silhouette",),
}
"""What each kind of input consists of. `dressed` and `body` are silhouettes that only training
knows: of the dressed person, and of the body under the clothes."""
CHANNELS = {"photo": 3, "weighted_photo": 3, "map": 1, "silhouette": 1}
SMALL = -1
"""Variant of the encoder that is not an EfficientNet-Lite."""
LOG_VARIANCES = (-8.0, 1.0)
"""Of betas, whose variance is 1 where nothing is known."""
TYPICAL_SCALE = 0.9
"""Half crops a metre: a person of 1.75 m in a crop a quarter larger."""
MOST_LOG_SCALE = 4.0


@dataclass(frozen=True)
class ReconstructionConfig:
    """Architecture of a regressor.

    Raises:
        ValueError: A field has no meaning.
    """

    inputs: str = "photo_and_map"
    """A key of `LAYERS`."""
    keypoints: bool = True
    """Whether keypoints are an input too: a heat map each, and their coordinates."""
    variant: int = 0
    """0 to 4, of EfficientNet-Lite0 to -Lite4; -1 for a small encoder of `widths`."""
    widths: tuple[int, ...] = (24, 48, 96, 160, 256)
    """Channels of the small encoder at strides 2, 4, 8 and so on."""
    grid: int = 4
    """Cells along each side of the grid that features are averaged in."""
    cell_width: int = 96
    """Channels of a cell."""
    hidden_width: int = 512
    """Of the two layers between features and results."""
    num_betas: int = 10
    """Of the body asset."""
    field_of_view_deg: float = 45.0
    """Across a picture's longer side, where its focal length is unknown. The network does not use
    it; what it was trained with is what it must be used with."""

    def __post_init__(self) -> None:
        if self.inputs not in LAYERS:
            raise ValueError(f"inputs is {self.inputs!r}; {', '.join(LAYERS)} are known")
        if self.variant not in range(SMALL, len(VARIANTS)):
            raise ValueError(f"variant is {self.variant}; -1 to {len(VARIANTS) - 1} are known")
        for name in ("grid", "cell_width", "hidden_width", "num_betas"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; at least 1 is needed")
        if not 0 < self.field_of_view_deg < 180:
            raise ValueError(f"field_of_view_deg is {self.field_of_view_deg}; 0 to 180 are allowed")
        if self.variant == SMALL and not (self.widths and min(self.widths) > 0):
            raise ValueError(f"widths is {self.widths}; positive widths are needed")

    @property
    def num_channels(self) -> int:
        """Of the input: the layers, where the picture is, a heat map for each keypoint."""
        layers = sum(CHANNELS[layer] for layer in LAYERS[self.inputs])
        return layers + 1 + NUM_KEYPOINTS * self.keypoints


class NetworkInput(NamedTuple):
    """What the network sees of each person."""

    images: Float[Tensor, "B C S S"]
    """In [0, 1]: the layers of `inputs`; 1 inside the picture and 0 beyond it; heat maps."""
    keypoints: Float[Tensor, "B K 3"]
    """x, y over the crop, each in [-1, 1] inside it; score in [0, 1], 0 where there is none."""
    known: Float[Tensor, "B 4"]
    """From `inputs.known_size`: height and weight, each 0 where unknown, and whether each is known.
    """
    view: Float[Tensor, "B 3"]
    """Where the crop is: (x, y) of its centre from the picture's, and its side, over the focal
    length."""

    @classmethod
    def joined(cls, parts: "list[NetworkInput]") -> "NetworkInput":
        """Several batches as one."""
        return cls(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


class Estimates(NamedTuple):
    """What the network says of each person."""

    betas: Float[Tensor, "B N"]
    log_variance: Float[Tensor, "B N"]
    """Of the betas, in `LOG_VARIANCES`."""
    rotations: Float[Tensor, "B J 6"]
    """Of SMPL's joints relative to their parents, the root first, as
    `model.body.rotation.rotation_6d_to_matrix` reads them; Y up."""
    camera: Float[Tensor, "B 3"]
    """Half crops that a metre at the pelvis covers; x, y of the pelvis over the crop, each in
    [-1, 1] inside it."""


class ReconstructionNetwork(nn.Module):
    """An encoder, a coarse grid of its features, two layers, and a linear map to the results."""

    typical_6d: Tensor
    """(J, 6) the pose that the results are differences from. Training may set it."""

    def __init__(self, config: ReconstructionConfig) -> None:
        """Draw the weights; at first the network answers with the mean body in `typical_6d`."""
        super().__init__()
        self.config = config
        channels = config.num_channels
        if config.variant == SMALL:
            self.encoder: nn.Module = SmallEncoder(channels, config.widths)
            deepest = config.widths[-1]
        else:
            self.encoder = LiteEncoder(config.variant, channels)
            deepest = self.encoder.widths[-1]
        self.cells = convolution(deepest, config.cell_width, 1)
        numbers = 4 + 3 + 3 * NUM_KEYPOINTS * config.keypoints
        features = config.cell_width * config.grid**2 + numbers
        self.mix = nn.Sequential(
            nn.Linear(features, config.hidden_width),
            nn.ReLU(),
            nn.Linear(config.hidden_width, config.hidden_width),
            nn.ReLU(),
        )
        self._sizes = (config.num_betas, config.num_betas, 6 * NUM_JOINTS, 3)
        self.results = nn.Linear(config.hidden_width, sum(self._sizes))
        nn.init.normal_(self.results.weight, std=1e-3)
        nn.init.zeros_(self.results.bias)
        identity = torch.tensor([1.0, 0, 0, 0, 1, 0])
        self.register_buffer("typical_6d", identity.repeat(NUM_JOINTS, 1))

    def forward(
        self,
        images: Float[Tensor, "B C S S"],
        keypoints: Float[Tensor, "B K 3"],
        known: Float[Tensor, "B 4"],
        view: Float[Tensor, "B 3"],
    ) -> Estimates:
        """The fields of `NetworkInput` to `Estimates`, which are float32.

        Args:
            images: S is a multiple of 32 for an EfficientNet-Lite.
            keypoints: Ignored where `config.keypoints` is false.
            known: Height and weight, or that they are unknown.
            view: Where the crop is in the picture.
        """
        assert self.config.variant == SMALL or images.shape[-1] % STRIDE == 0
        # An EfficientNet-Lite's weights were learned from pictures between -1 and 1.
        deepest = self.encoder(images * 2 - 1)[-1]
        cells = F.adaptive_avg_pool2d(self.cells(deepest), self.config.grid).flatten(1).float()
        numbers = [known, view]
        if self.config.keypoints:
            numbers.append((keypoints * _with_score(keypoints)).flatten(1))
        mixed = self.mix(torch.cat([cells, *numbers], 1))
        betas, spread, rotations, camera = self.results(mixed).float().split(self._sizes, 1)
        return Estimates(
            betas,
            _between(spread),
            self.typical_6d + rotations.unflatten(1, (NUM_JOINTS, 6)),
            torch.cat([_positive(camera[:, :1]), camera[:, 1:]], 1),
        )


class SmallEncoder(nn.Module):
    """A convolution of stride 2 and one of stride 1 for each width."""

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        levels = []
        for width in widths:
            levels += [convolution(channels, width, 3, 2), convolution(width, width, 3)]
            channels = width
        self.levels = nn.Sequential(*levels)

    def forward(self, images: Float[Tensor, "B C H W"]) -> list[Tensor]:
        """The deepest features alone.

        Args:
            images: From -1 to 1.
        """
        return [self.levels(images)]


def _with_score(keypoints: Float[Tensor, "B K 3"]) -> Float[Tensor, "B K 3"]:
    """Factors that let coordinates count by their scores."""
    score = keypoints[..., 2:]
    return torch.cat([score, score, torch.ones_like(score)], -1)


def _between(raw: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
    """Any number to one within `LOG_VARIANCES`, and 0 to 0."""
    low, high = LOG_VARIANCES
    return low + (high - low) * (raw + math.log(-low / high)).sigmoid()


def _positive(raw: Float[Tensor, "B 1"]) -> Float[Tensor, "B 1"]:
    """Any number to a scale, 0 to the typical one."""
    return TYPICAL_SCALE * raw.clamp(-MOST_LOG_SCALE, MOST_LOG_SCALE).exp()
