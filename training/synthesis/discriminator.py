"""The discriminator: whether each patch of a picture, or of two consecutive ones, is true.

B batch, P pictures that it sees together, S side of the pictures, N side of the map of patches.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from model.synthesis.drawing import limb_maps
from model.synthesis.limbs import NUM_LIMBS
from model.synthesis.network import draw_dcgan_weights
from training.synthesis.recipe import DiscriminatorRecipe


class PatchDiscriminator(nn.Module):
    """Strided convolutions to a map of logits.

    With widths 64, 128 and 256, one picture and no condition it is the reference's, whose sigmoid
    is part of the loss here.

    Source: Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR
    2017, section 3.2.2.
    """

    def __init__(self, recipe: DiscriminatorRecipe, num_pictures: int) -> None:
        """Draw the weights.

        Args:
            recipe: Settings.
            num_pictures: P.
        """
        super().__init__()
        self.conditioned, widths = recipe.conditioned, recipe.widths
        channels = num_pictures * (3 + (NUM_LIMBS if recipe.conditioned else 0))
        self.blocks = nn.ModuleList([_block(channels, widths[0], recipe.dropout, norm=False)])
        for wide_in, wide_out in pairwise(widths):
            self.blocks.append(_block(wide_in, wide_out, recipe.dropout, norm=True))
        self.score = nn.Conv2d(widths[-1], 1, 4, 2, 1, bias=False)
        self.apply(draw_dcgan_weights)

    def forward(self, pictures: Tensor, points: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Logits (B, 1, N, N), positive where a patch looks true; and each block's features.

        Args:
            pictures: (B, P, 3, S, S) in [0, 1].
            points: (B, P, 13, 2) of each picture.
        """
        seen = pictures.flatten(1, 2) * 2 - 1
        if self.conditioned:
            maps = limb_maps(points.flatten(0, 1), pictures.shape[-1])
            maps = maps.unflatten(0, points.shape[:2]).flatten(1, 2)
            seen = torch.cat([seen, maps.to(seen.dtype)], 1)
        features = []
        for block in self.blocks:
            seen = block(seen)
            features.append(seen)
        return self.score(seen), features


def _block(wide_in: int, wide_out: int, dropout: float, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(wide_in, wide_out, 4, 2, 1, bias=False)]
    if norm:
        layers.append(nn.BatchNorm2d(wide_out))
    layers.append(nn.LeakyReLU(0.2))
    if dropout:
        layers.append(nn.Dropout2d(dropout))
    return nn.Sequential(*layers)
