"""What the committed checkpoints must go on being good for."""

import dataclasses
from pathlib import Path

import numpy as np
import torch

from model.checkpoint import load_checkpoint
from model.clothing.labels import LABELS
from model.clothing.predictor import ARCHITECTURE as CLOTHING
from model.silhouette.architectures import ARCHITECTURES
from model.synthesis.person import load_person
from model.synthesis.skeletons import Skeletons
from training.clothing.recipe import ClothingRecipe
from training.clothing.task import build as build_clothing
from training.recipe import load_recipe
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.task import build as build_silhouette
from training.synthesis.frames import LEAST_FRAMES, PersonFrames
from training.synthesis.recipe import SynthesisRecipe
from training.synthesis.task import build as build_synthesis

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


def test_the_performer_can_be_trained_further(repo_root: Path) -> None:
    checkpoint = repo_root / "checkpoints" / "synthesis.safetensors"
    _, person = load_person(checkpoint)
    given = person.generators["conditional"]
    size = given.config.image_size
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (LEAST_FRAMES, size, size, 3), dtype=np.uint8)
    points = rng.uniform(0.4, 0.6, (LEAST_FRAMES, 13, 2)).astype(np.float32)
    points[:, 0, 1], points[:, -2:, 1] = 0.1, 0.9
    frames = PersonFrames("noise", pictures, Skeletons(points), ("",) * LEAST_FRAMES)
    recipe = load_recipe(RECIPES / "synthesis" / "large.toml", SynthesisRecipe)
    task = build_synthesis(
        dataclasses.replace(recipe, initial=str(checkpoint), device="cpu"), frames
    )
    found = task.network.state_dict()
    for name, tensor in given.state_dict().items():
        torch.testing.assert_close(found[f"generator.{name}"], tensor.to(torch.float32))
