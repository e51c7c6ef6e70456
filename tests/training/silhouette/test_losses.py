import numpy as np
import pytest
import torch
from torch import Tensor

from model.silhouette.people import Person
from training.scenes.people_maps import PeopleMaps, people_maps
from training.silhouette.losses import box_loss, heat_loss, hourglass_loss, overlap_loss

SIZES = ((8, 8), (4, 4))


def maps(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def stacks(seed: int) -> list[Tensor]:
    return [maps(seed + i, 2, 2, *size) for i, size in enumerate(SIZES)]


def block_means(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    batch, height, width = array.shape
    blocks = array.reshape(batch, size[0], height // size[0], size[1], width // size[1])
    means: np.ndarray = blocks.mean(axis=(2, 4))
    return means


def test_the_loss_is_the_notebooks_formula() -> None:
    confidence, mask = maps(0, 2, 1, 16, 16), (maps(1, 2, 1, 16, 16) > 0.5).double()
    outputs = stacks(2)
    expected = 0.0
    for output, size in zip(outputs, SIZES, strict=True):
        target = block_means((confidence * mask)[:, 0].numpy(), size)
        p1, p2 = output[:, 0].numpy(), output[:, 1].numpy()
        expected += ((target - p1) ** 2).mean() + ((target - (1 - p2)) ** 2).mean()
    assert hourglass_loss(outputs, confidence, mask).item() == pytest.approx(expected, abs=1e-12)


def test_a_perfect_prediction_costs_nothing() -> None:
    confidence, mask = maps(0, 2, 1, 8, 8), torch.ones(2, 1, 8, 8, dtype=torch.float64)
    perfect = torch.cat([confidence, 1 - confidence], dim=1)
    assert hourglass_loss([perfect, perfect], confidence, mask).item() == 0


def test_the_naked_mask_leaves_no_decay_and_the_dressed_one_does() -> None:
    confidence = torch.tensor([1.0, 0.6, 0.2, 0.0]).expand(1, 1, 4, 4)
    naked, dressed = (confidence == 1).float(), (confidence > 0).float()
    body_mask = torch.cat([naked, 1 - naked], dim=1)
    decaying = torch.cat([confidence, 1 - confidence], dim=1)
    assert hourglass_loss([body_mask], confidence, naked).item() == 0
    assert hourglass_loss([decaying], confidence, dressed).item() < 1e-12
    assert hourglass_loss([body_mask], confidence, dressed).item() > 0.1


def test_unknown_pixels_do_not_count() -> None:
    confidence, mask = maps(0, 2, 1, 16, 16), torch.ones(2, 1, 16, 16, dtype=torch.float64)
    weight = (maps(5, 2, 1, 16, 16) > 0.6).double()
    outputs = stacks(2)
    other = torch.where(weight > 0, confidence, maps(9, 2, 1, 16, 16))
    known = hourglass_loss(outputs, confidence, mask, weight)
    assert hourglass_loss(outputs, other, mask, weight).item() == pytest.approx(known.item())


def test_weighted_means_are_over_what_is_known() -> None:
    confidence, weight = maps(0, 1, 1, 8, 8), 3 * maps(1, 1, 1, 8, 8)
    output = maps(2, 1, 2, 8, 8)
    errors = (confidence - output[:, :1]) ** 2 + (confidence - 1 + output[:, 1:]) ** 2
    expected = (weight * errors).sum() / weight.sum()
    found = hourglass_loss([output], confidence, torch.ones_like(confidence), weight)
    assert found.item() == pytest.approx(expected.item())


def test_a_cell_that_is_known_in_part_takes_the_mean_of_that_part() -> None:
    confidence = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).view(1, 1, 2, 2)
    weight = torch.tensor([[1.0, 1.0], [0.0, 0.0]]).view(1, 1, 2, 2)
    half = torch.full((1, 2, 1, 1), 0.5)
    assert hourglass_loss([half], confidence, torch.ones_like(weight), weight).item() == 0


def test_nothing_known_costs_nothing_and_has_a_gradient() -> None:
    output = maps(0, 1, 2, 4, 4).requires_grad_()
    ones = torch.ones(1, 1, 8, 8, dtype=torch.float64)
    loss = hourglass_loss([output], ones, ones, 0 * ones)
    loss.backward()
    assert loss.item() == 0
    assert output.grad is not None
    assert output.grad.abs().max() == 0


def test_the_gradient_is_right() -> None:
    confidence, mask, weight = (maps(i, 2, 1, 8, 8) for i in range(3))
    outputs = [output.requires_grad_() for output in stacks(4)]
    assert torch.autograd.gradcheck(
        lambda *outs: hourglass_loss(outs, confidence, mask, weight), outputs
    )


def test_a_network_of_one_channel_has_the_first_half_of_the_loss() -> None:
    confidence, output = maps(0, 2, 1, 8, 8), maps(1, 2, 1, 8, 8)
    loss = hourglass_loss([output], confidence, torch.ones_like(confidence))
    assert loss.item() == pytest.approx(((confidence - output) ** 2).mean().item())


def test_the_overlap_loss_is_cross_entropy_and_soft_overlap_written_out() -> None:
    confidence, predicted, weight = (maps(i, 2, 1, 4, 5) for i in range(3))
    mask = (maps(3, 2, 1, 4, 5) > 0.3).double()
    t, p, w = (layer.numpy()[:, 0] for layer in (confidence * mask, predicted, weight))
    entropy = (w * -(t * np.log(p) + (1 - t) * np.log(1 - p))).sum() / w.sum()
    overlaps = []
    for i in range(2):
        joined = (w[i] * np.abs(t[i] + p[i])).sum()
        apart = (w[i] * np.abs(t[i] - p[i])).sum()
        overlaps.append((joined - apart + 1) / (joined + apart + 1))
    expected = entropy + 1 - np.mean(overlaps)
    found = overlap_loss(predicted, confidence, mask, weight)
    assert found.item() == pytest.approx(expected, abs=1e-9)


def test_the_soft_overlap_of_sharp_maps_is_their_intersection_over_union() -> None:
    truth, found = torch.zeros(2, 1, 1, 40, 40, dtype=torch.float64)
    truth[..., :20, :] = 1
    found[..., 10:30, :] = 1
    everywhere = torch.ones_like(truth)
    # Of wrong certainty in half of the pixels, bounded by the clamp at 1e-6.
    entropy = -0.5 * np.log(1e-6)
    loss = overlap_loss(found, truth, everywhere).item()
    assert loss - entropy == pytest.approx(1 - 400 / 1200, abs=2e-3)


def test_pixels_of_a_fine_map_that_are_unknown_do_not_count() -> None:
    confidence, predicted = maps(0, 2, 1, 8, 8), maps(1, 2, 1, 8, 8)
    weight = (maps(5, 2, 1, 8, 8) > 0.6).double()
    other = torch.where(weight > 0, confidence, maps(9, 2, 1, 8, 8))
    everywhere = torch.ones_like(weight)
    known = overlap_loss(predicted, confidence, everywhere, weight)
    assert overlap_loss(predicted, other, everywhere, weight).item() == pytest.approx(known.item())
    assert overlap_loss(predicted, other, everywhere).item() != pytest.approx(known.item())


def test_finding_nobody_where_nobody_is_costs_nothing() -> None:
    nobody = torch.zeros(2, 1, 8, 8)
    assert overlap_loss(nobody, nobody, nobody).item() < 1e-5


def test_a_certain_mistake_of_a_fine_map_has_a_finite_loss_and_gradient() -> None:
    logits = torch.full((1, 1, 4, 4), 60.0, requires_grad=True)
    cost = overlap_loss(logits.sigmoid(), torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4))
    cost.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(cost)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_the_gradient_of_the_overlap_loss_is_right() -> None:
    confidence, mask, weight = (maps(i, 2, 1, 6, 6) for i in range(3))
    predicted = (0.05 + 0.9 * maps(4, 2, 1, 6, 6)).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda found: overlap_loss(found, confidence, mask, weight), [predicted]
    )


def test_shares_of_a_batch_have_the_losses_of_people_of_the_whole_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One process has two people and one has nobody: DDP takes the mean of their losses."""
    known = np.ones((64, 64), bool)
    keypoints = np.ones((17, 3), np.float32)
    keypoints[:, 0], keypoints[:, 1] = np.linspace(5, 20, 17), np.linspace(5, 50, 17)
    boxes = np.array([[4, 4, 22, 52], [30, 10, 60, 60]], np.float32)
    people = [Person(box, 1.0, keypoints) for box in boxes]
    pictures = [people_maps(people, known), people_maps([], known)]
    truth = PeopleMaps(*(torch.stack(layers) for layers in zip(*pictures, strict=True)))
    heat, distances = maps(0, 2, 18, 16, 16) - 2, maps(1, 2, 4, 16, 16)
    whole = heat_loss(heat, truth), box_loss(distances, truth)
    peaks = (truth.heat == 1).sum((0, 2, 3)).float()
    cells = 4 * float(truth.has_box.sum())
    for module in ("training.silhouette.losses", "training.engine.distributed"):
        monkeypatch.setattr(f"{module}.num_processes", lambda: 2)
    shares = []
    for number in range(2):
        part = PeopleMaps(*(layer[number : number + 1] for layer in truth))
        monkeypatch.setattr("training.silhouette.losses.total", lambda _: peaks)
        monkeypatch.setattr("training.engine.distributed.total", lambda _: torch.tensor(cells))
        rows = slice(number, number + 1)
        shares.append((heat_loss(heat[rows], part), box_loss(distances[rows], part)))
    for loss, *parts in zip(whole, *shares, strict=True):
        torch.testing.assert_close(sum(parts) / 2, loss)
