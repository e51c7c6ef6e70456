"""What the committed checkpoints must go on being good for."""

import dataclasses
from pathlib import Path

import numpy as np
import torch

from model.checkpoint import load_checkpoint
from model.clothing.labels import LABELS
from model.clothing.predictor import ARCHITECTURE as CLOTHING
from model.silhouette.architectures import ARCHITECTURES
from training.clothing.recipe import ClothingRecipe
from training.clothing.task import build as build_clothing
from training.recipe import load_recipe
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.task import build as build_silhouette

RECIPES = Path(__file__).parents[2] / "training" / "recipes"


def test_the_silhouette_can_be_trained_further(repo_root: Path) -> None:
    checkpoint = repo_root / "checkpoints" / "silhouette.safetensors"
    recipe = load_recipe(RECIPES / "silhouette" / "default.toml", SilhouetteRecipe)
    task = build_silhouette(dataclasses.replace(recipe, initial=str(checkpoint), device="cpu"))
    _, tensors = load_checkpoint(checkpoint, *ARCHITECTURES)
    for name, tensor in task.network.state_dict().items():
        if name in tensors and tensors[name].shape == tensor.shape:
            assert torch.equal(tensor, tensors[name].to(tensor.dtype))
        else:
            # The recipe may ask for another decoder, or for a head that the checkpoint lacks.
            assert "encoder" not in name


def test_the_clothing_can_be_trained_further(repo_root: Path) -> None:
    checkpoint = repo_root / "checkpoints" / "clothing.safetensors"
    recipe = load_recipe(RECIPES / "clothing" / "default.toml", ClothingRecipe)
    recipe = dataclasses.replace(recipe, weights="none", initial=str(checkpoint), device="cpu")
    task = build_clothing(recipe, np.ones(len(LABELS), np.int64))
    _, tensors = load_checkpoint(checkpoint, CLOTHING)
    for name, tensor in task.network.state_dict().items():
        assert torch.equal(tensor, tensors[name].to(tensor.dtype))
