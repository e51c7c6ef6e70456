"""What stands behind a rendered person where no photo does.

H W the picture's size.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.synthetic.bodies import Floats
from training.synthetic.waves import Waves

Size = tuple[int, int]


def sample_backdrop(rng: np.random.Generator, size: Size) -> Floats:
    """A wall and a floor with light, texture and clutter: sRGB (H, W, 3) in [0, 1]."""
    height, width = size
    wall, floor = _muted(rng), _muted(rng)
    canvas = Image.new("RGB", (width, height), wall)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, height * rng.uniform(0.4, 1.1), width, height * 2), fill=floor)
    for _ in range(int(rng.integers(0, 28))):
        _draw_shape(draw, rng, size)
    if rng.random() < 0.5:  # out of focus
        canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 4) * max(size) / 256))
    picture = np.asarray(canvas, np.float32) / 255
    light = 1 + rng.uniform(0, 0.5) * _field(rng, size, (0.4, 2.0), max(size) // 16)
    light *= 1 + rng.uniform(0, 0.35) * _field(rng, size, (0.02, 0.3), max(size) // 2)
    grain = rng.normal(0, rng.uniform(0, 0.04), size).astype(np.float32)
    return np.clip(picture * light[..., None] + grain[..., None], 0, 1)


def _field(
    rng: np.random.Generator, size: Size, wavelengths: tuple[float, float], side: int
) -> Floats:
    """Smooth noise (H, W), computed on a coarse grid; wavelengths as shares of the longer side."""
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32) / side
    waves = Waves.sample(rng, num=8, wavelengths=wavelengths, dimensions=2)
    coarse = waves(np.stack([columns, rows], axis=-1).reshape(-1, 2)).reshape(side, side)
    longer = max(size)
    fine = Image.fromarray(coarse).resize((longer, longer), Image.Resampling.BILINEAR)
    return np.asarray(fine, np.float32)[: size[0], : size[1]]


def _draw_shape(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: Size) -> None:
    """A bar, a box or a disc, some as tall and thin as limbs are."""
    centre = rng.uniform(0, 1, 2) * (size[1], size[0])
    half = np.exp(rng.uniform(np.log([0.01, 0.02]), np.log([0.2, 0.5]))) * max(size)
    if rng.random() < 0.3:
        draw.ellipse((*(centre - half), *(centre + half)), fill=_muted(rng))
        return
    angle = rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.25)
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    corners = centre + (signs * half) @ axes
    draw.polygon([(float(x), float(y)) for x, y in corners], fill=_muted(rng))


def _muted(rng: np.random.Generator) -> tuple[int, int, int]:
    """Greys are commoner than colours, as they are outdoors."""
    grey = rng.uniform(0, 1)
    colour = grey + (rng.uniform(0, 1, 3) - grey) * rng.uniform(0, 1) ** 2
    red, green, blue = (int(255 * channel) for channel in colour)
    return red, green, blue
