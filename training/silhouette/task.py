"""The silhouette network's training, put together from a recipe."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.engine.batches import num_steps
from training.engine.precision import pick_device
from training.engine.seeding import seed_everything
from training.engine.tasks import SupervisedTask
from training.silhouette.dataset import SilhouetteBatch
from training.silhouette.losses import hourglass_loss, mirror_loss, outline_loss, refinement_loss
from training.silhouette.networks import build_network, is_refined, num_stacks
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.weights import start_from


def build(recipe: SilhouetteRecipe) -> SupervisedTask[SilhouetteBatch]:
    """Network, objective and judgement of an experiment.

    Raises:
        FileNotFoundError: The checkpoint to start from is not there.
        CheckpointError: It is damaged.
        InvalidInputError: It is of another network, or the weights' package is not installed.
    """
    seed_everything(recipe.seed)

    def objective(network: nn.Module, batch: SilhouetteBatch) -> dict[str, Tensor]:
        if recipe.mirror_weight:
            batch = batch.with_mirrored()
        outputs: Sequence[Tensor] = network(batch.images)
        mask = batch.dressed if recipe.loss_mask == "dressed" else batch.naked
        truth = (batch.confidence, mask, batch.weight)
        losses = {}
        coarse = num_stacks(recipe) if recipe.objective == "overlap" else len(outputs)
        if coarse:
            losses["stacks"] = hourglass_loss(outputs[:coarse], *truth)
        if is_refined(recipe):
            if recipe.objective == "overlap":
                losses["refinement"] = refinement_loss(outputs[-1], *truth)
            if recipe.outline_weight:
                losses["outline"] = recipe.outline_weight * outline_loss(outputs[-1], *truth)
            if recipe.mirror_weight:
                losses["mirror"] = recipe.mirror_weight * mirror_loss(outputs[-1])
        return {"loss": torch.stack([*losses.values()]).sum(), **losses}

    network = build_network(recipe)
    start_from(network, recipe.weights, recipe.initial)
    return SupervisedTask(
        network=network,
        objective=objective,
        judgement=judge_maps,
        optimisation=recipe.optimisation,
        num_steps=num_steps(recipe.stages),
        device=pick_device(recipe.device),
    )


def judge_maps(network: nn.Module, batches: Iterable[SilhouetteBatch]) -> dict[str, float]:
    """Errors and IoU on rendered people, contrast on photos, at the input's resolution.

    `iou_target` is with what the true map has above a half. `score` is the mean of what is
    available: the rendered people's mean IoU, and the photos' median confidence on skin less that
    on background.
    """
    errors: list[float] = []
    cloth_errors: list[float] = []
    ious: list[float] = []
    skin: list[float] = []
    background: list[float] = []
    for batch in batches:
        maps = predicted_maps(network, batch.images)
        for index in range(len(maps)):
            predicted, truth, weight = maps[index], batch.confidence[index], batch.weight[index]
            body = batch.naked[index] > 0.5
            if batch.is_photo[index]:
                if body.any():
                    skin.append(float(predicted[body].mean()))
                background.append(float(predicted[(weight > 0.5) & ~body].mean()))
                continue
            errors.append(float((predicted - truth).abs().mean()))
            cloth = (batch.dressed[index] > 0.5) & ~body
            if cloth.any():
                cloth_errors.append(float((predicted - truth).abs()[cloth].mean()))
            ious.append(iou(predicted > 0.5, truth > 0.5))
    judged = {
        "mae": _mean(errors),
        "mae_cloth": _mean(cloth_errors),
        "iou_target": _mean(ious),
        "skin": _median(skin),
        "background": _median(background),
    }
    parts = [judged["iou_target"], judged["skin"] - judged["background"]]
    return judged | {"score": float(np.nanmean(parts))}


def predicted_maps(network: nn.Module, images: Tensor) -> Tensor:
    """(B, 1, S, S): the last stack's first channel, clipped, at the input's resolution."""
    maps: Tensor = network(images)[-1][:, :1].float().clamp(0, 1)
    return F.interpolate(maps, images.shape[-2:], mode="bilinear", antialias=True)


def iou(one: Tensor, other: Tensor) -> float:
    """Intersection over union of two bool maps; 1 where both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")
