"""Skeletons as pictures: sticks in colours, or a smooth map for each limb.

B batch, S side of the picture in pixels.
"""

import colorsys

import torch
from jaxtyping import Float
from torch import Tensor

from model.synthesis.limbs import LIMBS, MIDDLES, NUM_LIMBS, POINT_NAMES

STICK_WIDTH = 4 / 64
"""Of a drawn limb, over the picture's side."""
SPREAD = 0.025
"""Standard deviation of a limb's map across the limb, over the picture's side."""
COLOURS = tuple(colorsys.hsv_to_rgb(limb / NUM_LIMBS, 0.9, 0.8) for limb in range(NUM_LIMBS))
"""RGB in [0, 1] of each limb's stick: evenly spaced hues."""


def limb_distances(
    points: Float[Tensor, "B 13 2"], size: int
) -> Float[Tensor, "B 14 {size} {size}"]:
    """Distance of each pixel's centre from each limb, over the picture's side.

    Args:
        points: Fractions of the picture's side, x right and y down.
        size: S.
    """
    middles = [
        (points[:, POINT_NAMES.index(one)] + points[:, POINT_NAMES.index(other)]) / 2
        for one, other in MIDDLES.values()
    ]
    places = torch.cat([points, torch.stack(middles, 1)], 1)
    first, second = (places[:, [limb[end] for limb in LIMBS], :, None, None] for end in (0, 1))
    along = second - first
    centres = (torch.arange(size, device=points.device, dtype=points.dtype) + 0.5) / size
    x, y = centres[None, :] - first[:, :, 0], centres[:, None] - first[:, :, 1]
    length = (along[:, :, 0].square() + along[:, :, 1].square()).clamp_min(1e-12)
    share = ((x * along[:, :, 0] + y * along[:, :, 1]) / length).clamp(0, 1)
    return torch.hypot(x - share * along[:, :, 0], y - share * along[:, :, 1])


def limb_maps(points: Float[Tensor, "B 13 2"], size: int) -> Float[Tensor, "B 14 {size} {size}"]:
    """A map for each limb: 1 on it, falling off as a Gaussian of deviation `SPREAD`.

    Args:
        points: As for `limb_distances`.
        size: S.
    """
    # Bounded: convolutions take ten times as long with the denormal numbers of far pixels.
    return torch.exp((limb_distances(points, size).square() / (-2 * SPREAD**2)).clamp_min(-16))


def draw_sticks(points: Float[Tensor, "B 13 2"], size: int) -> Float[Tensor, "B 3 {size} {size}"]:
    """Limbs as sticks in their colours on white, later limbs over earlier ones; RGB in [0, 1].

    Args:
        points: As for `limb_distances`.
        size: S.
    """
    inside = ((STICK_WIDTH / 2 - limb_distances(points, size)) * size + 0.5).clamp(0, 1)
    picture = points.new_ones(len(points), 3, size, size)
    for limb, colour in enumerate(COLOURS):
        share = inside[:, limb, None]
        picture = picture * (1 - share) + share * points.new_tensor(colour).view(3, 1, 1)
    return picture
