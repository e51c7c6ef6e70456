"""How loose a person's clothes are, from the confidence map alone.

A confidence map is near 1 on the body, near 0 beside the person, and between in cloth that hangs
away from the body. The wider that cloth, the more of the map is between.

S side of the crop.
"""

import numpy as np
from jaxtyping import Float

SHOWN = 0.1
"""Confidence from which a pixel counts as the person's."""


def looseness(map_of_crop: Float[np.ndarray, "S S"]) -> float:
    """Mean doubt of the pixels that show the person, in [0, 1]; 1 where there are none.

    The doubt of a pixel of confidence c is 4c(1 - c). The blurred edge of a tight garment has some
    too, in proportion to the resolution: compare crops of one size only.

    Args:
        map_of_crop: The confidence map over the crop around the person, in [0, 1].
    """
    shown = map_of_crop[map_of_crop >= SHOWN].astype(np.float64)
    if len(shown) == 0:
        return 1.0
    return float((4 * shown * (1 - shown)).mean())
