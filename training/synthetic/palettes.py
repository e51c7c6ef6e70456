"""Colours of skin and hair, linear RGB."""

import numpy as np

from training.synthetic.bodies import Floats

SKIN_TONES = np.array(
    # From very light to very dark.
    [
        [0.80, 0.56, 0.44],
        [0.70, 0.44, 0.32],
        [0.58, 0.34, 0.23],
        [0.42, 0.23, 0.14],
        [0.25, 0.13, 0.08],
        [0.12, 0.06, 0.04],
    ],
    np.float32,
)
HAIR_COLOURS = np.array(
    [
        [0.01, 0.01, 0.01],
        [0.04, 0.02, 0.01],
        [0.12, 0.06, 0.03],
        [0.45, 0.30, 0.12],
        [0.4, 0.4, 0.4],
    ],
    np.float32,
)


def between(palette: Floats, rng: np.random.Generator) -> Floats:
    """A colour between two neighbours of a palette."""
    place = rng.uniform(0, len(palette) - 1)
    low = int(place)
    colour: Floats = palette[low] + (place - low) * (
        palette[min(low + 1, len(palette) - 1)] - palette[low]
    )
    return (colour * rng.uniform(0.9, 1.1, 3)).clip(0, 1).astype(np.float32)
