"""Boxes in a picture: (4,) float32, left, top, right, bottom in pixels."""

import numpy as np


def box_of(mask: np.ndarray) -> np.ndarray:
    """The smallest that holds a mask, (H, W) bool; zeros for an empty one."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not columns.size:
        return np.zeros(4, np.float32)
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def box_area(box: np.ndarray) -> float:
    """In square pixels; 0 for an empty one."""
    return float(max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]))


def grown(box: np.ndarray, margin: float, size: tuple[int, int]) -> np.ndarray:
    """Larger on every side by a share of the longer side, cut at the picture's border.

    Args:
        box: Any.
        margin: The share.
        size: (height, width) of the picture.
    """
    added = margin * max(box[2] - box[0], box[3] - box[1])
    larger = box + np.array([-added, -added, added, added], np.float32)
    return larger.clip(0, np.array([size[1], size[0]] * 2, np.float32))


def pixels_of(box: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the pixels that a box touches; at least one of each."""
    left, top = np.floor(box[:2]).astype(int).tolist()
    right, bottom = np.ceil(box[2:]).astype(int).tolist()
    return slice(top, max(top + 1, bottom)), slice(left, max(left + 1, right))
