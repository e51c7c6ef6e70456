"""The network that a recipe asks for."""

from model.silhouette.lite import LiteSilhouette
from model.silhouette.network import StackedHourglass
from training.silhouette.recipe import SilhouetteRecipe


def build_network(recipe: SilhouetteRecipe) -> LiteSilhouette | StackedHourglass:
    """A new network, its weights drawn from torch's generator."""
    if recipe.lite is not None:
        return LiteSilhouette(recipe.lite)
    return StackedHourglass(recipe.network)


def num_stacks(recipe: SilhouetteRecipe) -> int:
    """How many of the network's outputs, from the first, are maps at a quarter of its input."""
    return 0 if recipe.lite is not None else recipe.network.num_stacks


def is_refined(recipe: SilhouetteRecipe) -> bool:
    """Whether the last output is a map at the input's own resolution."""
    return recipe.lite is not None or recipe.network.refinement_width > 0
