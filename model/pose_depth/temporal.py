"""The improved refiner: it corrects all three axes, and frames learn from those around them.

B sequences of T frames, W the width, H heads.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from model.pose_depth.network import LEAST_DISTANCE, NUM_KEYPOINTS, Poses, Refinement

SPAN_S = 1.0
"""Frames that are further apart know nothing of each other."""


@dataclass(frozen=True)
class TemporalRefinerConfig:
    """Widths."""

    width: int = 256
    num_heads: int = 4
    num_blocks: int = 2
    """Each looks at a frame, then at its neighbours in time."""
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A number is too small, or the width not a multiple of the number of heads.
        """
        for name in ("width", "num_heads", "num_blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive")
        if self.width % self.num_heads:
            raise ValueError(f"width is {self.width}; a multiple of {self.num_heads} is needed")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; 0 <= dropout < 1 is needed")


class TemporalRefiner(nn.Module):
    """A frame is one token; attention over time falls off with the seconds between two frames.

    The frame rate is therefore free, and a single frame is a sequence of one.
    """

    def __init__(self, config: TemporalRefinerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embed = nn.Linear(6 * NUM_KEYPOINTS, width)
        self.blocks = nn.ModuleList()
        for _ in range(config.num_blocks):
            self.blocks.append(Residual(width, config.dropout))
            self.blocks.append(TimeAttention(width, config.num_heads, config.dropout))
        self.blocks.append(Residual(width, config.dropout))
        self.norm = nn.LayerNorm(width)
        self.offsets = nn.Linear(width, 3 * NUM_KEYPOINTS)
        self.confidence = nn.Linear(width, NUM_KEYPOINTS)
        self.camera = nn.Linear(width, 4)
        # A new network corrects nothing.
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.offsets.bias)

    def forward(self, poses: Poses) -> Refinement:
        """Correct x, y and z."""
        parts = (poses.joints.flatten(2), poses.keypoints.flatten(2), poses.visibility)
        tokens = self.embed(torch.cat(parts, -1))
        apart = (poses.seconds[:, :, None] - poses.seconds[:, None]).abs()
        for block in self.blocks:
            if isinstance(block, TimeAttention):
                tokens = block(tokens, apart, poses.present)
            else:
                tokens = block(tokens)
        known = self.norm(tokens)
        camera = self.camera(known)
        return Refinement(
            self.offsets(known).unflatten(-1, (NUM_KEYPOINTS, 3)),
            self.confidence(known),
            F.normalize(camera[..., :3], dim=-1),
            F.softplus(camera[..., 3]) + LEAST_DISTANCE,
        )


class Residual(nn.Module):
    """Two layers on each token, added to it."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, tokens: Float[Tensor, "B T W"]) -> Float[Tensor, "B T W"]:
        """Add what the layers find."""
        added: Tensor = tokens + self.layers(tokens)
        return added


class TimeAttention(nn.Module):
    """Attention over the frames of a sequence, weaker the further they are apart.

    Source: Press, Smith, Lewis, Train Short, Test Long (ALiBi), ICLR 2022, with learned slopes and
    seconds instead of places.
    """

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads, self.dropout = num_heads, dropout
        self.norm = nn.LayerNorm(width)
        self.given = nn.Linear(width, 3 * width)
        self.found = nn.Linear(width, width)
        self.slopes = nn.Parameter(torch.linspace(0.0, 3.0, num_heads))

    def forward(
        self,
        tokens: Float[Tensor, "B T W"],
        apart: Float[Tensor, "B T T"],
        present: Bool[Tensor, "B T"],
    ) -> Float[Tensor, "B T W"]:
        """Add what neighbours tell.

        Args:
            tokens: One for each frame.
            apart: Seconds between frames.
            present: Whether there is a frame.
        """
        split = (3, self.num_heads, -1)
        query, key, value = (
            self.given(self.norm(tokens)).unflatten(-1, split).permute(2, 0, 3, 1, 4)
        )
        itself = torch.eye(apart.shape[-1], dtype=torch.bool, device=apart.device)
        hidden = ~(present[:, None] & (apart <= SPAN_S)) & ~itself
        bias = -F.softplus(self.slopes)[:, None, None] * apart[:, None].clamp(max=SPAN_S)
        bias = bias.masked_fill(hidden[:, None], float("-inf")).to(query.dtype)
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, bias, dropout)
        added: Tensor = tokens + self.found(mixed.transpose(1, 2).flatten(2))
        return added
