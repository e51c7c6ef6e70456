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
    """Sample by sample: the picture (H, W, 3) in sRGB and the person's alpha (H, W, 1)."""
    height, width = backdrop.shape[:2]
    fine = np.zeros((height * samples * width * samples, 5), np.float32)
    fine[pixels, :3] = shaded
    fine[pixels, 3] = is_person
    fine[pixels, 4] = 1
    # Colours are summed apart from what is behind, so that a pixel that is the person's is not
    # mixed with the backdrop: the alpha can be laid over another one without a halo.
    own = fine * fine[:, 3:4]
    mean = _mean(fine.reshape(height * samples, width * samples, 5), samples)
    person = _mean(own.reshape(height * samples, width * samples, 5), samples)
    inside = mean[..., 3:4] >= 0.5
    alone = person[..., :3] / np.maximum(person[..., 3:4], 1e-6)
    props = mean - person
    elsewhere = props[..., :3] + (1 - props[..., 4:]) * backdrop
    return np.where(inside, alone, elsewhere), inside * np.uint8(255)


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
