"""The network that a recipe asks for.

B batch, H W input size.
"""

import importlib

from jaxtyping import Float
from torch import Tensor, nn

from model.silhouette.lite import LiteSilhouette
from model.silhouette.network import StackedHourglass
from training.silhouette.recipe import SilhouetteRecipe


class UNetBaseline(nn.Module):
    """A U-Net with an EfficientNet-B0 encoder, without pretrained weights, to compare with.

    Absadyk et al. (Frontiers in AI 2024, 10.3389/frai.2024.1336320) found it the best of four for a
    neighbouring task, bodies under clothes as binary masks. It is not served.
    """

    def __init__(self, decoder: tuple[int, ...] = (256, 128, 64, 32, 16)) -> None:
        """Draw the weights.

        Args:
            decoder: Channels of the decoder's five levels, the coarsest first.
        """
        super().__init__()
        # Imported here: with timm behind it, that takes longer than all the rest of a short run.
        smp = importlib.import_module("segmentation_models_pytorch")
        self.unet: nn.Module = smp.Unet(
            "efficientnet-b0", encoder_weights=None, classes=1, decoder_channels=decoder
        )
        # The encoder's own 0.01 suits runs of many epochs: after a few hundred steps its running
        # statistics are still far from the data's, and the judged network is another one than the
        # trained one (overlap 0.01 after 400 steps).
        for module in self.unet.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.1

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B 1 H W"]]:
        """One map in [0, 1], float32; H and W must be multiples of 32."""
        logits: Tensor = self.unet(images)
        return [logits.float().sigmoid()]


def build_network(recipe: SilhouetteRecipe) -> nn.Module:
    """A new network, its weights drawn from torch's generator."""
    if recipe.baseline is not None:
        return UNetBaseline(recipe.baseline_decoder)
    if recipe.lite is not None:
        return LiteSilhouette(recipe.lite)
    return StackedHourglass(recipe.network)


def num_stacks(recipe: SilhouetteRecipe) -> int:
    """How many of the network's outputs, from the first, are maps at a quarter of its input."""
    return recipe.network.num_stacks if _is_hourglass(recipe) else 0


def is_refined(recipe: SilhouetteRecipe) -> bool:
    """Whether the last output is a map at the input's own resolution."""
    return not _is_hourglass(recipe) or recipe.network.refinement_width > 0


def _is_hourglass(recipe: SilhouetteRecipe) -> bool:
    return recipe.baseline is None and recipe.lite is None
