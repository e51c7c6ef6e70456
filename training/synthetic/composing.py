"""Samples of pixels put together to pictures.

H W the picture's size, P samples that show something solid.
"""

import numpy as np
from numpy.typing import NDArray

from training.synthetic.bodies import Floats, Ints

Picture = NDArray[np.uint8]


def compose(
    shaded: Floats, pixels: Ints, is_person: NDArray[np.bool_], backdrop: Floats, samples: int
) -> tuple[Floats, Picture]:
    """Sample by sample: the picture (H, W, 3) in sRGB and the person's alpha (H, W, 1).

    A pixel of which the person has at least half shows the person alone, and any other nothing of
    them, so that the person can be laid over another backdrop without a halo.

    Args:
        shaded: (P, 3) colours in sRGB.
        pixels: (P,) flat indices of the samples.
        is_person: (P,) or else something that stands in front.
        backdrop: (H, W, 3) in sRGB.
        samples: Along each side of a pixel.
    """
    height, width = backdrop.shape[:2]
    row, column = np.divmod(pixels, width * samples)
    place = row // samples * width + column // samples

    def share(where: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """How much of each pixel (H, W, 1) these samples have, and their sum of colours."""
        count = np.bincount(place[where], minlength=height * width)
        summed = [
            np.bincount(place[where], shaded[where, channel], height * width)
            for channel in range(3)
        ]
        shape = (height, width, -1)
        return count.reshape(shape) / samples**2, np.stack(summed, -1).reshape(shape) / samples**2

    person, own = share(is_person)
    things, others = share(~is_person)
    inside = person >= 0.5
    picture = np.where(
        inside,
        own / np.maximum(person, 1e-6),
        # The person's samples are left out, whatever is there has their place.
        (others + (1 - person - things) * backdrop) / np.maximum(1 - person, 1e-6),
    )
    return picture, inside * np.uint8(255)


def silhouette(mask: NDArray[np.bool_], samples: int, colour: Floats) -> Picture:
    """Of one colour on black, with its alpha: (H, W, 4); by majority of a pixel's samples."""
    inside = _mean(mask[..., None].astype(np.float32), samples) >= 0.5
    return _bytes(np.concatenate([inside * colour, inside], axis=-1))


def _mean(fine: Floats, samples: int) -> Floats:
    if samples == 1:
        return fine
    height, width, channels = fine.shape
    blocks = fine.reshape(height // samples, samples, width // samples, samples, channels)
    mean: Floats = blocks.mean((1, 3))
    return mean


def _bytes(values: Floats) -> Picture:
    return np.rint(values * 255).clip(0, 255).astype(np.uint8)
