import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.clothing import label_map as module
from model.clothing.label_map import Placement, label_map
from model.image import Letterbox


def slow_label_map(
    probabilities: np.ndarray, letterbox: Letterbox
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label, score and lead over the second, pixel by pixel, from the definition.

    `probabilities` is (h, w, C), over the whole of the letterbox's target.
    """

    def inside(axis: int) -> list[int]:
        """Cells whose centre is on the picture."""
        per_cell = letterbox.target[axis] / probabilities.shape[axis]
        start = letterbox.offset[axis]
        stop = start + letterbox.content[axis]
        cells = range(probabilities.shape[axis])
        found = [cell for cell in cells if start <= (cell + 0.5) * per_cell < stop]
        return found or [int((start + stop) / 2 / per_cell)]

    def between(axis: int, pixel: int) -> list[tuple[int, float]]:
        """Cells around a pixel and their weights."""
        cells = inside(axis)
        scale = letterbox.content[axis] / letterbox.source[axis]
        place = (pixel + 0.5) * scale + letterbox.offset[axis]
        place = place * probabilities.shape[axis] / letterbox.target[axis] - 0.5
        place = min(max(place, cells[0]), cells[-1])
        low = int(np.floor(place))
        return [(low, 1 - (place - low)), (min(low + 1, cells[-1]), place - low)]

    rows, columns = inside(0), inside(1)
    winners = probabilities[rows][:, columns].argmax(-1)
    candidates = np.unique(winners)
    labels = np.zeros(letterbox.source, np.uint8)
    scores, leads = np.zeros(letterbox.source), np.zeros(letterbox.source)
    for y, x in itertools.product(*map(range, letterbox.source)):
        blend = np.zeros(len(candidates))
        for row, down in between(0, y):
            for column, across in between(1, x):
                blend += down * across * probabilities[row, column, candidates]
        order = np.argsort(blend)
        labels[y, x], scores[y, x] = candidates[order[-1]], blend[order[-1]]
        leads[y, x] = blend[order[-1]] - blend[order[-2]] if len(candidates) > 1 else 1
    return labels, scores, leads


def random_probabilities(height: int, width: int, seed: int) -> torch.Tensor:
    """Of six labels, in patches of two cells."""
    generator = torch.Generator().manual_seed(seed)
    patches = torch.randn(-(-height // 2), -(-width // 2), 6, generator=generator)
    cells = patches.repeat_interleave(2, 0).repeat_interleave(2, 1)[:height, :width]
    noise = torch.randn(height, width, 6, generator=generator)
    return (2 * cells + 0.3 * noise).softmax(-1)


@settings(max_examples=12, deadline=None)
@given(
    source=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    cells=st.sampled_from([(8, 8), (16, 16), (5, 6)]),
    seed=st.integers(0, 1000),
)
def test_every_pixel_has_the_label_whose_blend_is_largest(
    source: tuple[int, int], cells: tuple[int, int], seed: int
) -> None:
    probabilities = random_probabilities(*cells, seed)
    letterbox = Letterbox.fit(source, (32, 32))
    placement = Placement.of(letterbox, cells)
    labels, scores = label_map(placement.cut(probabilities), placement)
    expected, expected_scores, leads = slow_label_map(probabilities.double().numpy(), letterbox)
    np.testing.assert_allclose(scores.numpy(), expected_scores, atol=1e-5)
    # Where two labels are as probable either may win.
    clear = leads > 1e-5
    np.testing.assert_array_equal(labels.numpy()[clear], expected[clear])


def test_outlines_that_need_several_chunks_are_as_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities = random_probabilities(16, 16, 0)
    placement = Placement.of(Letterbox.fit((90, 70), (32, 32)), (16, 16))
    cut = placement.cut(probabilities)
    labels, scores = label_map(cut, placement)
    monkeypatch.setattr(module, "CHUNK", 100)
    again, scores_again = label_map(cut, placement)
    assert torch.equal(labels, again)
    torch.testing.assert_close(scores, scores_again)


def test_what_is_in_the_border_does_not_reach_the_picture() -> None:
    letterbox = Letterbox.fit((64, 32), (32, 32))
    probabilities = torch.zeros(8, 8, 3)
    probabilities[..., 0] = 1.0
    # The content is 16 of 32 columns: cells 2 to 5.
    probabilities[:, :2] = probabilities[:, 6:] = torch.tensor([0.0, 0.0, 1.0])
    placement = Placement.of(letterbox, (8, 8))
    labels, scores = label_map(placement.cut(probabilities), placement)
    assert labels.shape == (64, 32)
    assert (labels == 0).all()
    assert (scores == 1).all()


def test_half_way_between_two_cells_the_outline_is_drawn() -> None:
    probabilities = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]).expand(2, 2, 2)
    placement = Placement.of(Letterbox.fit((8, 8), (8, 8)), (2, 2))
    labels, scores = label_map(placement.cut(probabilities), placement)
    assert labels[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    np.testing.assert_allclose(
        scores[0].numpy(), [1, 1, 0.875, 0.625, 0.625, 0.875, 1, 1], atol=1e-6
    )
