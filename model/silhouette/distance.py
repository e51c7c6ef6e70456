"""How far each pixel of one region is from another region, exactly, in whole numbers.

H W the picture's size, N the pixels asked about.
"""

import numpy as np
from jaxtyping import Bool, UInt


def squared_distances(
    region: Bool[np.ndarray, "H W"], asked: Bool[np.ndarray, "H W"], reach: int
) -> UInt[np.ndarray, "N"]:  # noqa: F821
    """Squared Euclidean distance from each asked pixel to the nearest of the region.

    First along the rows, then over the rows: at k rows away, a pixel whose row is g pixels from the
    region offers g^2 + k^2. Whole pictures are shifted and compared, in numbers as narrow as the
    reach allows: several times faster than a transform that visits pixel by pixel, as long as k
    remains small. So each row looks only as far up and down as one of its pixels can gain by it.

    Source: Saito and Toriwaki, New Algorithms for Euclidean Distance Transformation of an
    n-Dimensional Digitized Picture with Applications, Pattern Recognition 27, 1994.

    Args:
        region: From where distances count.
        asked: The answer has their order: row by row from the top.
        reach: In pixels, positive. Whatever lies further away, if only because there is no region,
            is put there.
    """
    offers = _row_distances(region, reach).astype(np.min_scalar_type(2 * reach**2))
    offers *= offers
    found = offers * asked
    # No pixel finds less than the least of its column, be it k rows away: it stands to gain from
    # there only while k^2 is below this.
    gains = (found - offers.min(axis=0) * asked).max(axis=1).tolist()
    top, bottom = 0, len(gains)
    for k in range(1, reach):
        while top < bottom and gains[top] <= k**2:
            top += 1
        while top < bottom and gains[bottom - 1] <= k**2:
            bottom -= 1
        if top == bottom:
            break
        offers += offers.dtype.type(2 * k - 1)  # k^2 in all: the sum of the first k odd numbers
        up = slice(max(top - k, 0), max(bottom - k, 0))
        for here, there in (
            (found[:-k][top:bottom], offers[k:][top:bottom]),
            (found[k:][up], offers[:-k][up]),
        ):
            np.minimum(here, there, out=here)
    squared: np.ndarray = found[asked]
    return squared


def _row_distances(region: Bool[np.ndarray, "H W"], reach: int) -> UInt[np.ndarray, "H W"]:
    """To the nearest pixel of the region in the same row, the reach at most.

    The rows are laid end to end, so far apart that nothing reaches over. After the steps 1, 2, 4
    ... 2^n, every distance below 2^(n + 1) is a sum of steps.
    """
    height, width = region.shape
    narrow = np.min_scalar_type(2 * reach).type
    apart = np.full((height, width + reach), narrow(reach))
    apart[:, :width][region] = 0
    line = apart.ravel()
    step = 1
    while step < min(reach, width):
        moved = line + narrow(step)
        np.minimum(line[step:], moved[:-step], out=line[step:])
        np.minimum(line[:-step], moved[step:], out=line[:-step])
        step *= 2
    return apart[:, :width]
