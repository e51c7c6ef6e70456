"""The refiner of the reference system: it reads the view from a pose and corrects its depth.

Source: `PoseAwareDepthRefiner` of the reference, its layers and widths; see `docs/evaluation.md`.
Here the camera is predicted in the frame of the torso, in training as in use, so that angles and
labels have one definition.

B sequences of T frames, W the width. Poses are in metres, in the camera's axes.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

NUM_KEYPOINTS, NUM_VIEW_FEATURES, NUM_OCTAVES = 17, 15, 8
LEAST_DISTANCE = 2.0
"""Of the camera, in metres."""
_SHOULDERS, _HIPS, _ARMS, _LEGS = (
    (5, 6),
    (11, 12),
    ((5, 7, 9), (6, 8, 10)),
    (
        (11, 13, 15),
        (12, 14, 16),
    ),
)


class Poses(NamedTuple):
    """What a refiner reads."""

    joints: Float[Tensor, "B T 17 3"]
    """Hip-centred, x right, y down, z away from the camera."""
    keypoints: Float[Tensor, "B T 17 2"]
    """In the picture, of `model.pose_depth.predictor.normalised_keypoints`."""
    visibility: Float[Tensor, "B T 17"]
    """In [0, 1]."""
    seconds: Float[Tensor, "B T"]
    """Time of each frame."""
    present: Bool[Tensor, "B T"]
    """Whether there is a frame."""


class Refinement(NamedTuple):
    """What a refiner predicts."""

    offsets: Float[Tensor, "B T 17 3"]
    """To be added to the joints."""
    confidence: Float[Tensor, "B T 17"]
    """Logits."""
    direction: Float[Tensor, "B T 3"]
    """Unit: to the camera, in the frame of the torso (`model.pose_depth.view`)."""
    distance: Float[Tensor, "B T"]
    """Of the camera from the hips, in metres."""


@dataclass(frozen=True)
class DepthRefinerConfig:
    """Widths; the defaults are the reference's."""

    width: int = 64
    num_layers: int = 4
    num_heads: int = 4
    feedforward: int = 256
    dropout: float = 0.1
    camera_width: int = 256
    """Of the first layer that predicts the camera."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A width is too small, or not a multiple of the number of heads.
        """
        for name in ("width", "num_layers", "num_heads", "feedforward"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive")
        if self.width % (2 * self.num_heads):
            raise ValueError(f"width is {self.width}; a multiple of {2 * self.num_heads} is needed")
        if self.camera_width < 4:
            raise ValueError(f"camera_width is {self.camera_width}; at least 4 is needed")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; 0 <= dropout < 1 is needed")


class PoseAwareDepthRefiner(nn.Module):
    """Predicts where the camera is, then how far each joint's depth is off; frames are separate."""

    def __init__(self, config: DepthRefinerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.joint_encoder = _mlp(4, width, width)
        self.pose_encoder = PoseEncoder(width)
        self.view_encoder = _mlp(2 + 4 * NUM_OCTAVES, width, width)
        self.camera = CameraPredictor(config)
        layer = nn.TransformerEncoderLayer(
            width,
            config.num_heads,
            config.feedforward,
            config.dropout,
            batch_first=True,
            norm_first=True,
        )
        self.transformer = nn.TransformerEncoder(
            layer, config.num_layers, enable_nested_tensor=False
        )
        self.depth_head = _mlp(2 * width, width, 1)
        self.confidence_head = _mlp(2 * width, width, 1)
        self.register_buffer("places", _sinusoids(NUM_KEYPOINTS, width), persistent=False)

    def forward(self, poses: Poses) -> Refinement:
        """Correct z; x and y have offsets of zero."""
        size = poses.joints.shape[:2]
        joints, keypoints, visibility = (tensor.flatten(end_dim=1) for tensor in poses[:3])
        tokens = self.joint_encoder(torch.cat([joints, visibility[..., None]], -1)) + self.places
        picture = self.pose_encoder(keypoints)
        direction, distance = self.camera(tokens, picture)
        view = self.view_encoder(angle_features(direction))
        attended = self.transformer(tokens)
        both = torch.cat([attended, view[:, None].expand_as(attended)], -1)
        depth = self.depth_head(both)
        offsets = torch.cat([torch.zeros_like(depth).expand(-1, -1, 2), depth], -1)
        confidence = self.confidence_head(both).squeeze(-1)
        found = (offsets, confidence, direction, distance)
        return Refinement(*(tensor.unflatten(0, size) for tensor in found))


class PoseEncoder(nn.Module):
    """Embeds a pose in the picture: its coordinates, and features that tell the view."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.coordinates = _mlp(2 * NUM_KEYPOINTS, 2 * width, width)
        self.features = _mlp(NUM_VIEW_FEATURES, width, width)
        self.combine = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU())

    def forward(self, keypoints: Float[Tensor, "N 17 2"]) -> Float[Tensor, "N W"]:
        """Embed."""
        parts = self.coordinates(keypoints.flatten(1)), self.features(view_features(keypoints))
        embedded: Tensor = self.combine(torch.cat(parts, -1))
        return embedded


class CameraPredictor(nn.Module):
    """Predicts the camera's direction in the frame of the torso, and its distance."""

    def __init__(self, config: DepthRefinerConfig) -> None:
        super().__init__()
        given, wide = (NUM_KEYPOINTS + 1) * config.width, config.camera_width
        self.direction_head = nn.Sequential(
            nn.Linear(given, wide),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(wide, wide // 2),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(wide // 2, 3),
        )
        self.distance_head = _mlp(given, wide // 4, 1)

    def forward(
        self, tokens: Float[Tensor, "N 17 W"], picture: Float[Tensor, "N W"]
    ) -> tuple[Float[Tensor, "N 3"], Float[Tensor, "N"]]:  # noqa: F821
        """Unit direction, and distance in metres."""
        known = torch.cat([tokens.flatten(1), picture], -1)
        direction = F.normalize(self.direction_head(known), dim=-1)
        distance = F.softplus(self.distance_head(known).squeeze(-1)) + LEAST_DISTANCE
        return direction, distance


def view_features(keypoints: Float[Tensor, "N 17 2"]) -> Float[Tensor, "N 15"]:
    """Lengths and ratios in the picture that change with the view.

    Differences of height and widths of shoulders and hips; ratios and differences of the lengths of
    left and right arms, then legs; height of the torso, also over its width; place of the nose over
    the torso; how far the left side is from the right; the mean of all keypoints.
    """
    x, y = keypoints.unbind(-1)

    def middle(pair: tuple[int, int]) -> Tensor:
        return keypoints[:, list(pair)].mean(1)

    def length(limb: tuple[int, int, int]) -> Tensor:
        whole: Tensor = (keypoints[:, limb[:2]] - keypoints[:, limb[1:]]).norm(dim=-1).sum(-1)
        return whole

    def compared(limbs: tuple[tuple[int, int, int], ...]) -> list[Tensor]:
        left, right = (length(limb) for limb in limbs)
        return [left / (right + 1e-6), left - right]

    across = [x[:, pair[0]] - x[:, pair[1]] for pair in (_SHOULDERS, _HIPS)]
    risen = [y[:, pair[0]] - y[:, pair[1]] for pair in (_SHOULDERS, _HIPS)]
    shoulders, hips = middle(_SHOULDERS), middle(_HIPS)
    height = (shoulders - hips).norm(dim=-1)
    left, right = (x[:, [_SHOULDERS[side], _HIPS[side]]].mean(1) for side in (0, 1))
    found = [
        *risen,
        *(width.abs() for width in across),
        *compared(_ARMS),
        *compared(_LEGS),
        height,
        # A profile's shoulders may fall together: the ratio is kept within what a network can use.
        (height / (across[0].abs() + 1e-6)).clamp(max=10),
        x[:, 0] - (shoulders[:, 0] + hips[:, 0]) / 2,
        y[:, 0] - shoulders[:, 1],
        left - right,
        x.mean(1),
        y.mean(1),
    ]
    found[4], found[6] = found[4].clamp(max=10), found[6].clamp(max=10)
    return torch.stack(found, -1)


def angle_features(direction: Float[Tensor, "N 3"]) -> Float[Tensor, "N 34"]:
    """Azimuth and elevation of a direction, and their sines and cosines in eight octaves."""
    right, up, forward = direction.unbind(-1)
    # Of a tiny vector atan2 has no gradient.
    level = (right.square() + forward.square()).clamp(min=1e-12).sqrt()
    turn = torch.atan2(right, torch.where(level < 1e-5, torch.ones_like(forward), forward))
    azimuth, elevation = (turn / (2 * math.pi)) % 1, torch.atan2(up, level) / (math.pi / 2)
    octaves = 2.0 ** torch.arange(NUM_OCTAVES, device=direction.device, dtype=direction.dtype)
    around = 2 * math.pi * azimuth[:, None] * octaves
    above = math.pi * elevation[:, None] * octaves
    waves = (around.sin(), around.cos(), above.sin(), above.cos())
    return torch.cat([azimuth[:, None], elevation[:, None], *waves], -1)


def _mlp(given: int, hidden: int, wanted: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(given, hidden), nn.ReLU(), nn.Linear(hidden, wanted))


def _sinusoids(num: int, width: int) -> Tensor:
    """Fixed positional encoding (num, width). Source: Vaswani et al., NeurIPS 2017, section 3.5."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(num)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
