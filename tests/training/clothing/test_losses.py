import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from model.clothing.labels import GROUP_OF, GROUPED, LABELS
from training.clothing.losses import (
    ClothingLoss,
    Together,
    class_weights,
    cross_entropy,
    groups_of,
    in_groups,
    labels_at,
    soft_jaccard_loss,
)
from training.clothing.recipe import LossRecipe

PLAIN = LossRecipe(class_power=0, smoothing=0, overlap=0, group_overlap=0)


def alone(part: torch.Tensor) -> torch.Tensor:
    return part


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs_where_all_labels_count_alike(smoothing: float) -> None:
    torch.manual_seed(0)
    logits, truth = torch.randn(2, 7, 5, 4), torch.randint(0, 7, (2, 5, 4))
    truth[0, :2] = 255
    expected = F.cross_entropy(logits, truth, ignore_index=255, label_smoothing=smoothing)
    found = cross_entropy(logits.log_softmax(1), truth, torch.ones(7), smoothing, alone)
    torch.testing.assert_close(found, expected)


def test_weighted_cross_entropy_is_torchs() -> None:
    torch.manual_seed(0)
    logits, truth = torch.randn(2, 7, 5, 4), torch.randint(0, 7, (2, 5, 4))
    truth[1, :, 2] = 255
    weights = torch.rand(7) + 0.5
    expected = F.cross_entropy(logits, truth, weights, ignore_index=255)
    torch.testing.assert_close(
        cross_entropy(logits.log_softmax(1), truth, weights, 0.0, alone), expected
    )


def test_soft_jaccard_of_certain_maps_is_the_mean_overlap_of_sets() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, (2, 6, 5)), rng.integers(0, 5, (2, 6, 5))
    truth[0, 0] = 255
    known = truth != 255
    overlaps = []
    for label in range(4):
        one, other = (truth == label) & known, (predicted == label) & known
        overlaps.append((one & other).sum() / (one | other).sum())
    certain = F.one_hot(torch.from_numpy(predicted), 5).permute(0, 3, 1, 2).float()
    found = soft_jaccard_loss(certain, torch.from_numpy(truth), alone)
    assert float(found) == pytest.approx(1 - np.mean(overlaps), abs=1e-6)


def test_soft_jaccard_has_the_gradient_of_finite_differences() -> None:
    torch.manual_seed(0)
    probabilities = torch.rand(1, 3, 4, 2, dtype=torch.float64, requires_grad=True)
    truth = torch.randint(0, 3, (1, 4, 2))
    truth[0, 0, 0] = 255
    assert torch.autograd.gradcheck(lambda p: soft_jaccard_loss(p, truth, alone), probabilities)


def test_a_groups_probability_is_the_sum_of_its_labels() -> None:
    torch.manual_seed(0)
    fine = torch.randn(1, len(LABELS), 2, 3).softmax(1)
    grouped = in_groups(fine)
    for group in range(len(GROUPED)):
        members = [label for label in range(len(LABELS)) if GROUP_OF[label] == group]
        torch.testing.assert_close(grouped[:, group], fine[:, members].sum(1))


def test_unknown_labels_have_no_group() -> None:
    labels = torch.tensor([0, LABELS.index("coat"), 255])
    assert groups_of(labels).tolist() == [0, GROUPED.labels.index("outerwear"), 255]


def test_labels_are_taken_at_the_logits_centres() -> None:
    labels = torch.arange(12, dtype=torch.uint8).expand(1, 6, 12)
    assert labels_at(labels, (2, 4))[0, 0].tolist() == [1, 4, 7, 10]


def test_labels_count_more_the_rarer_they_are_up_to_a_limit() -> None:
    counts = np.array([1000, 100, 10, 0])
    weights = class_weights(counts, LossRecipe(class_power=0.5, class_limit=8.0))
    torch.testing.assert_close(weights, torch.tensor([1, math.sqrt(10), 8, 8]).float())
    assert class_weights(counts, LossRecipe(class_power=0)).tolist() == [1, 1, 1, 1]


def test_two_shares_of_a_batch_have_the_loss_and_the_gradient_of_the_whole() -> None:
    torch.manual_seed(0)
    loss = ClothingLoss(LossRecipe(), torch.rand(len(LABELS)) + 0.5)
    labels = torch.randint(0, 59, (2, 8, 8), dtype=torch.uint8)
    labels[0, :5] = 255
    logits = torch.randn(2, 59, 4, 4, requires_grad=True)
    (whole,) = torch.autograd.grad(loss([logits], labels)["loss"], logits)

    def of_share(share: int, together: Together) -> torch.Tensor:
        return loss([logits[share : share + 1]], labels[share : share + 1], together)["loss"]

    def noted(share: int) -> list[torch.Tensor]:
        """The sums of one process alone."""
        sums: list[torch.Tensor] = []

        def note(part: torch.Tensor) -> torch.Tensor:
            sums.append(part)
            return part

        of_share(share, note)
        return sums

    def added(others: Iterator[torch.Tensor]) -> Together:
        """As `total` does, with the other process's sums."""
        return lambda part: part + next(others)

    found = [of_share(share, added(iter(noted(1 - share)))) for share in range(2)]
    for value in found:
        torch.testing.assert_close(value, loss([logits], labels)["loss"])
    # `total` adds the processes' gradients up, and their mean is taken: the gradient of one.
    (shared,) = torch.autograd.grad(torch.stack(found).mean(), logits)
    torch.testing.assert_close(shared, whole)


def test_auxiliary_heads_count_less_than_the_main_one() -> None:
    torch.manual_seed(0)
    loss = ClothingLoss(PLAIN, torch.ones(len(LABELS)))
    main, other = torch.randn(1, 59, 8, 8), torch.randn(1, 59, 4, 4)
    labels = torch.randint(0, 59, (1, 16, 16), dtype=torch.uint8)
    of_main, of_other = loss([main], labels)["loss"], loss([other], labels)["loss"]
    both = loss([main, other], labels)
    torch.testing.assert_close(both["loss"], (of_main + 0.4 * of_other) / 1.4)
    torch.testing.assert_close(both["cross_entropy"], of_main)


def test_a_batch_without_a_known_pixel_has_a_finite_loss() -> None:
    loss = ClothingLoss(LossRecipe(), torch.ones(len(LABELS)))
    logits = torch.randn(1, 59, 4, 4, requires_grad=True)
    found = loss([logits], torch.full((1, 8, 8), 255, dtype=torch.uint8))["loss"]
    found.backward()
    assert torch.isfinite(found)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
