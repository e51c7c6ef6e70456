"""Pictures that tell whether a number format is exact enough: made here, no file needed.

H the side of the picture.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def trial_pictures(side: int) -> Float[Tensor, "4 3 {side} {side}"]:
    """Figures with a head, a trunk and legs in cloth, before a striped wall, in rising noise.

    A map is least sure of itself, and so most sensitive, along the outline of somebody whose
    clothes are wide and look like what is behind them.
    """
    steps = torch.linspace(-1, 1, side)
    rows, columns = torch.meshgrid(steps, steps, indexing="ij")
    generator = torch.Generator().manual_seed(0)
    pictures = []
    for number in range(4):
        lean = 0.1 * (number - 1.5)
        across = columns - lean * (1 + rows)
        wall = 0.5 + 0.2 * torch.sin(math.pi * (6 + 5 * number) * columns) + 0.15 * rows
        cloth = 0.35 + 0.1 * number + 0.15 * torch.sin(math.pi * 15 * (rows + across))
        trunk = across.abs() < 0.16 + 0.1 * number * (rows + 0.55)
        legs = ((across.abs() - 0.12).abs() < 0.09) & (rows > 0)
        figure = (trunk & (rows > -0.5) & (rows < 0.3)) | (legs & (rows < 0.9))
        head = across.square() / 0.01 + (rows + 0.66).square() / 0.02 < 1
        picture = torch.stack(
            [
                torch.where(head, skin, torch.where(figure, cloth * dye, wall * paint))
                for skin, dye, paint in ((0.8, 1.0, 0.9), (0.6, 0.7, 1.0), (0.5, 0.9, 0.8))
            ]
        )
        noise = torch.randn(3, side, side, generator=generator)
        pictures.append((picture + 0.04 * number * noise).clamp(0, 1))
    return torch.stack(pictures)
