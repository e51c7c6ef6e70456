"""From each cell's probabilities to a label for each pixel of the picture.

A pixel's probabilities are those of the four cells around it, blended bilinearly, and the largest
wins. Where one label wins in all four cells it wins in every blend of them, so that only the cells
along the garments' outlines are computed label by label; there are never as many full-size maps as
labels. Labels that win in no cell of the picture are left out of the choice.

h w size of the network's map, C its labels, K those that win somewhere, H W the picture's size, n
one of its sides, N pixels along outlines.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from model.image import Letterbox

CHUNK = 32_768
"""Pixels along outlines that are computed at once: what a processor's cache holds."""


@dataclass(frozen=True)
class Neighbours:
    """For each row (or column) of the picture, the cells around it: a blend of two."""

    first: Int64[Tensor, " n"]
    second: Int64[Tensor, " n"]
    """The next cell, or the same one at the edge."""
    share: Float[Tensor, " n"]
    """Of the second, in [0, 1]."""
    cells: slice
    """Cells that lie on the picture; the numbers count from the first of them."""

    @classmethod
    def of(cls, letterbox: Letterbox, num_cells: int, axis: int) -> "Neighbours":
        """Along an axis of the letterbox, 0 for rows and 1 for columns.

        Cells whose centre lies in the letterbox's border take no part.
        """
        per_pixel = num_cells / letterbox.target[axis]
        offset, content = letterbox.offset[axis], letterbox.content[axis]
        # A cell's centre is half a cell behind its start.
        start = math.ceil(offset * per_pixel - 0.5)
        stop = math.ceil((offset + content) * per_pixel - 0.5)
        if stop <= start:
            # The picture is thinner than a cell and lies between two centres.
            start = int((offset + content / 2) * per_pixel)
            stop = start + 1
        num_pixels = letterbox.source[axis]
        pixels = torch.arange(num_pixels, dtype=torch.float64) + 0.5
        cells = (pixels * content / num_pixels + offset) * per_pixel - 0.5 - start
        cells = cells.clamp(0, stop - start - 1)
        first = cells.floor()
        return cls(
            first.long(),
            (first.long() + 1).clamp(max=stop - start - 1),
            (cells - first).float(),
            slice(start, stop),
        )


@dataclass(frozen=True)
class Placement:
    """Where each pixel of a picture lies among the cells of a network's map."""

    rows: Neighbours
    columns: Neighbours

    @classmethod
    def of(cls, letterbox: Letterbox, size: tuple[int, int]) -> "Placement":
        """Of a map that covers the letterbox's target.

        Args:
            letterbox: Of the picture.
            size: (height, width) of the map.
        """
        return cls(*(Neighbours.of(letterbox, size[axis], axis) for axis in (0, 1)))

    def cut(self, cells: Float[Tensor, "_ _ C"]) -> Float[Tensor, "h w C"]:
        """The cells that lie on the picture."""
        return cells[self.rows.cells, self.columns.cells]


def label_map(
    probabilities: Float[Tensor, "h w C"], placement: Placement
) -> tuple[UInt8[Tensor, "H W"], Float[Tensor, "H W"]]:
    """The most probable label of each pixel, and its probability.

    Args:
        probabilities: Of the cells that lie on the picture, as `Placement.cut` gives them.
        placement: Of the picture.
    """
    rows, columns = placement.rows, placement.columns
    best, winners = probabilities.max(-1)
    labels = _at(winners.to(torch.uint8), rows.first, columns.first)
    scores = _blend(best, rows, columns)
    outline = _at(_differs(winners), rows.first, columns.first)
    candidates = winners.unique()
    height, width = winners.shape
    table = probabilities.reshape(height * width, -1).index_select(1, candidates)
    for y, x in zip(*(part.split(CHUNK) for part in outline.nonzero().unbind(1)), strict=True):
        blended = _blend_rows(table, width, rows, columns, y, x)
        scores[y, x], place = blended.max(-1)
        labels[y, x] = candidates[place].to(torch.uint8)
    return labels, scores


def _at(cells: Tensor, rows: Int64[Tensor, " H"], columns: Int64[Tensor, " W"]) -> Tensor:
    """The cell of each pixel."""
    return cells.index_select(1, columns).index_select(0, rows)


def _blend(
    cells: Float[Tensor, "h w"], rows: Neighbours, columns: Neighbours
) -> Float[Tensor, "H W"]:
    """One map at the picture's size."""
    across = torch.lerp(
        cells.index_select(1, columns.first), cells.index_select(1, columns.second), columns.share
    )
    return torch.lerp(
        across.index_select(0, rows.first), across.index_select(0, rows.second), rows.share[:, None]
    )


def _differs(winners: Int64[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
    """Whether the cell below, to the right or across has another winner."""
    padded = F.pad(winners[None, None].float(), (0, 1, 0, 1), mode="replicate")[0, 0]
    here = padded[:-1, :-1]
    return (here != padded[1:, :-1]) | (here != padded[:-1, 1:]) | (here != padded[1:, 1:])


def _blend_rows(
    table: Float[Tensor, "cells K"],
    width: int,
    rows: Neighbours,
    columns: Neighbours,
    y: Int64[Tensor, " N"],
    x: Int64[Tensor, " N"],
) -> Float[Tensor, "N K"]:
    """All maps at some pixels."""
    above, below = rows.first[y] * width, rows.second[y] * width
    left, right = columns.first[x], columns.second[x]
    cells = torch.stack([above + left, above + right, below + left, below + right], 1)
    down, across = rows.share[y], columns.share[x]
    shares = torch.stack(
        [
            (1 - down) * (1 - across),
            (1 - down) * across,
            down * (1 - across),
            down * across,
        ],
        1,
    )
    return F.embedding_bag(cells, table, mode="sum", per_sample_weights=shares)
