"""The clothing networks' training, put together from a recipe.

B batch, C labels, S W size of the samples, h w size of the logits.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from model.checkpoint import load_checkpoint
from model.clothing.labels import GROUPED, LABELS
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import ARCHITECTURE
from model.errors import InvalidInputError
from training.clothing.dataset import UNKNOWN, ClothingBatch
from training.clothing.losses import ClothingLoss, class_weights, groups_of, in_groups
from training.clothing.recipe import ClothingRecipe
from training.clothing.scores import Confusion, score_of
from training.clothing.weights import start_from
from training.engine.batches import num_steps
from training.engine.precision import pick_device
from training.engine.seeding import seed_everything
from training.engine.tasks import SupervisedTask


def build(recipe: ClothingRecipe, label_counts: np.ndarray) -> SupervisedTask[ClothingBatch]:
    """Network, objective and judgement of an experiment.

    Args:
        recipe: Of the experiment.
        label_counts: (C,) pixels of each fine label in the photos to learn from.

    Raises:
        FileNotFoundError: The checkpoint to start from is not there.
        CheckpointError: It is damaged.
        InvalidInputError: It is of another network, the network has not the labels' number of
            channels, or there are no weights of others for it.
    """
    if recipe.network.num_classes != len(LABELS):
        raise InvalidInputError(
            f"network.num_classes is {recipe.network.num_classes}; there are {len(LABELS)} labels"
        )
    seed_everything(recipe.seed)
    loss = ClothingLoss(recipe.loss, class_weights(label_counts, recipe.loss))

    def objective(network: nn.Module, batch: ClothingBatch) -> dict[str, Tensor]:
        outputs: Sequence[Tensor] = network(batch.images)
        return loss(outputs, batch.labels)

    def judgement(network: nn.Module, batches: Iterable[ClothingBatch]) -> dict[str, float]:
        return judge_photos(network, batches, loss)

    network = ClothingNetwork(recipe.network)
    if recipe.initial is not None:
        _continue_from(network, Path(recipe.initial))
    elif recipe.weights != "none":
        start_from(network, recipe.weights)
    return SupervisedTask(
        network=network,
        objective=objective,
        judgement=judgement,
        optimisation=recipe.optimisation,
        num_steps=num_steps(recipe.stages),
        device=pick_device(recipe.device),
    )


def _continue_from(network: ClothingNetwork, checkpoint: Path) -> None:
    header, tensors = load_checkpoint(checkpoint, ARCHITECTURE)
    given, wanted = ClothingConfig.from_json(header.config["network"]), network.config
    if given != wanted:
        raise InvalidInputError(f"{checkpoint} holds a {given}; the recipe asks for a {wanted}")
    network.load_state_dict(tensors)


def judge_photos(
    network: nn.Module, batches: Iterable[ClothingBatch], loss: ClothingLoss
) -> dict[str, float]:
    """Loss, accuracies and the groups' mean overlap, at the samples' size.

    `score` is the mean of the last three. Probabilities are enlarged, and a group's is the sum of
    its labels', as the predictor does.
    """
    losses: list[float] = []
    sizes: list[int] = []
    fine = Confusion(np.zeros((len(LABELS), len(LABELS)), np.int64))
    grouped = Confusion(np.zeros((len(GROUPED), len(GROUPED)), np.int64))
    for batch in batches:
        logits: Tensor = network(batch.images)[0].float()
        # Only this process judges: nothing is added up over others.
        losses.append(float(loss([logits], batch.labels, together=lambda part: part)["loss"]))
        sizes.append(len(logits))
        for probabilities, labels in zip(logits.softmax(1), batch.labels.long(), strict=True):
            fine += _compare(probabilities[None], labels, len(LABELS))
            grouped += _compare(in_groups(probabilities[None]), groups_of(labels), len(GROUPED))
    judged = {
        "pixel_accuracy": fine.pixel_accuracy(),
        "foreground_accuracy": fine.foreground_accuracy(),
        "grouped_mean_iou": grouped.mean_iou(),
    }
    loss_mean = float(np.average(losses, weights=sizes))
    return {"loss": loss_mean, **judged, "score": score_of(fine, grouped)}


def _compare(probabilities: Tensor, labels: Tensor, num_labels: int) -> Confusion:
    """Of one photo's known pixels.

    Args:
        probabilities: (1, C, h, w).
        labels: (S, W) int64; 255 where unknown.
        num_labels: C.
    """
    size = (labels.shape[0], labels.shape[1])
    larger = F.interpolate(probabilities, size, mode="bilinear", align_corners=False)
    predicted, known = larger[0].argmax(0), labels != UNKNOWN
    return Confusion.of(labels[known].cpu().numpy(), predicted[known].cpu().numpy(), num_labels)
