"""Things that fill a picture behind a person: shapes, houses, trees, cars, other people.

All are painted flat, in pixels; H W the picture's size.
"""

import numpy as np
from PIL import Image, ImageDraw

Size = tuple[int, int]
PASSERS_BY = 0.35
"""Share of streets with other people in them."""
STRAY_LIMBS = 0.06
"""Share of pictures into which somebody else's arm or leg reaches."""
SKIN = [(232, 190, 160), (200, 150, 115), (150, 100, 70), (95, 62, 45)]


def draw_things(canvas: Image.Image, rng: np.random.Generator, num: int) -> None:
    """Bars, boxes and discs anywhere, some as tall and thin as limbs are."""
    draw = ImageDraw.Draw(canvas)
    size = (canvas.height, canvas.width)
    for _ in range(num):
        _draw_shape(draw, rng, size)
    if rng.random() < STRAY_LIMBS:
        _draw_limb(draw, rng, size)


def draw_street(canvas: Image.Image, rng: np.random.Generator, horizon: float) -> None:
    """Houses and trees on the horizon, then cars, poles and people nearer.

    Args:
        canvas: RGBA, empty.
        rng: Decides.
        horizon: Row of the horizon in pixels; it may lie outside.
    """
    draw = ImageDraw.Draw(canvas)
    height, width = canvas.height, canvas.width
    base = min(max(horizon, 0.15 * height), 0.8 * height)
    if rng.random() < 0.8:
        _draw_houses(draw, rng, width, height, base)
    for _ in range(int(rng.integers(0, 5))):
        _draw_tree(draw, rng, width, height, base)
    for _ in range(int(rng.integers(0, 3))):
        _draw_car(draw, rng, width, height, base)
    for _ in range(int(rng.integers(0, 4))):
        x, thick = rng.uniform(0, width), rng.uniform(0.004, 0.02) * width
        foot = base + rng.uniform(0, 0.3) * height
        draw.rectangle((x, foot - rng.uniform(0.3, 1) * height, x + thick, foot), fill=muted(rng))
    if rng.random() < PASSERS_BY:
        for _ in range(int(rng.integers(1, 4))):
            tall = rng.uniform(0.12, 0.55) * height
            # All eyes are about at the camera's height: who is nearer stands lower.
            _draw_person(draw, rng, rng.uniform(0, width), base + 0.88 * tall, tall)
    if rng.random() < STRAY_LIMBS:
        _draw_limb(draw, rng, (height, width))


def muted(rng: np.random.Generator) -> tuple[int, int, int]:
    """Greys are commoner than colours, as they are outdoors."""
    grey = rng.uniform(0, 1)
    colour = grey + (rng.uniform(0, 1, 3) - grey) * rng.uniform(0, 0.8) ** 2
    red, green, blue = (int(255 * channel) for channel in colour)
    return red, green, blue


def _draw_shape(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: Size) -> None:
    centre = rng.uniform(0, 1, 2) * (size[1], size[0])
    half = np.exp(rng.uniform(np.log([0.01, 0.02]), np.log([0.2, 0.5]))) * max(size)
    if rng.random() < 0.3:
        draw.ellipse((*(centre - half), *(centre + half)), fill=muted(rng))
        return
    angle = rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.25)
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    corners = centre + (signs * half) @ axes
    draw.polygon([(float(x), float(y)) for x, y in corners], fill=muted(rng))


def _draw_houses(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int, base: float
) -> None:
    x = -rng.uniform(0, 0.2) * width
    while x < width:
        wide, tall = rng.uniform(0.12, 0.5) * width, rng.uniform(0.15, 1.1) * base
        foot = base + rng.uniform(0, 0.03) * height
        draw.rectangle((x, foot - tall, x + wide, foot), fill=muted(rng))
        glass, step = muted(rng), rng.uniform(0.05, 0.12) * height
        if rng.random() < 0.8:
            for row in np.arange(foot - tall + 0.4 * step, foot - step, step):
                for column in np.arange(x + 0.3 * step, x + wide - 0.7 * step, step):
                    draw.rectangle((column, row, column + 0.5 * step, row + 0.6 * step), fill=glass)
        x += wide * rng.uniform(0.8, 1.3)


def _draw_tree(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int, base: float
) -> None:
    x, tall = rng.uniform(0, width), rng.uniform(0.2, 0.8) * height
    foot = base + rng.uniform(0, 0.15) * height
    thick = 0.05 * tall
    draw.rectangle((x - thick / 2, foot - 0.5 * tall, x + thick / 2, foot), fill=(70, 55, 45))
    for _ in range(12):
        green = rng.uniform(0.15, 0.55)
        colour = (int(160 * green), int(255 * green), int(90 * green))
        centre = np.array([x, foot - 0.7 * tall]) + rng.normal(0, 0.11 * tall, 2)
        radius = rng.uniform(0.06, 0.16) * tall
        draw.ellipse((*(centre - radius), *(centre + radius)), fill=colour)


def _draw_car(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int, base: float
) -> None:
    long = rng.uniform(0.15, 0.7) * width
    x, foot = rng.uniform(-0.2, 1) * width, base + rng.uniform(0.02, 0.22) * height
    tall, paint = 0.32 * long, muted(rng)
    radius = int(0.08 * long)
    draw.rounded_rectangle(
        (x + 0.2 * long, foot - tall, x + 0.8 * long, foot - 0.4 * tall), radius, fill=(40, 45, 50)
    )
    draw.rounded_rectangle((x, foot - 0.6 * tall, x + long, foot - 0.1 * tall), radius, fill=paint)
    for share in (0.2, 0.8):
        wheel = np.array([x + share * long, foot - 0.15 * tall])
        draw.ellipse((*(wheel - 0.08 * long), *(wheel + 0.08 * long)), fill=(20, 20, 22))


def _draw_person(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, foot: float, tall: float
) -> None:
    """Somebody who stands or walks further away."""
    skin = SKIN[int(rng.integers(len(SKIN)))]
    upper, lower = muted(rng), muted(rng)
    hip, shoulder = foot - 0.5 * tall, foot - 0.82 * tall
    thick = 0.085 * tall
    for side in (-1, 1):
        stride, swing = rng.normal(0, 0.06, 2) * tall
        _bar(
            draw,
            (x + side * 0.05 * tall, hip),
            (x + side * 0.05 * tall + stride, foot),
            thick,
            lower,
        )
        hand = (x + side * 0.14 * tall + swing, hip)
        _bar(draw, (x + side * 0.11 * tall, shoulder), hand, 0.6 * thick, upper)
        _bar(draw, hand, (hand[0], hand[1] + 0.05 * tall), 0.5 * thick, skin)
    draw.rounded_rectangle(
        (x - 0.12 * tall, shoulder - 0.02 * tall, x + 0.12 * tall, hip + 0.04 * tall),
        int(0.05 * tall),
        fill=upper,
    )
    _bar(draw, (x, shoulder), (x, shoulder - 0.06 * tall), 0.5 * thick, skin)
    head = (x - 0.05 * tall, foot - tall, x + 0.05 * tall, foot - 0.86 * tall)
    draw.ellipse(head, fill=skin)
    draw.chord(head, 180, 360, fill=muted(rng))


def _draw_limb(draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: Size) -> None:
    """Somebody's arm or leg from beyond the picture's edge: a sleeve, then skin."""
    height, width = size
    side = rng.choice([0, width])
    start = np.array([side, rng.uniform(0.2, 1) * height])
    elbow = start + np.array(
        [(width / 2 - side) * rng.uniform(0.1, 0.5), rng.normal(0, 0.15) * height]
    )
    hand = elbow + rng.normal(0, 0.15, 2) * height
    thick = rng.uniform(0.03, 0.09) * height
    sleeve, skin = muted(rng), SKIN[int(rng.integers(len(SKIN)))]
    _bar(draw, elbow, hand, 0.8 * thick, skin)
    _bar(draw, start, elbow, thick, sleeve)


def _bar(
    draw: ImageDraw.ImageDraw,
    start: tuple[float, float] | np.ndarray,
    end: tuple[float, float] | np.ndarray,
    thick: float,
    colour: tuple[int, int, int],
) -> None:
    """A line with round ends."""
    (x0, y0), (x1, y1) = (float(start[0]), float(start[1])), (float(end[0]), float(end[1]))
    draw.line((x0, y0, x1, y1), fill=colour, width=max(1, round(thick)))
    radius = thick / 2
    for x, y in ((x0, y0), (x1, y1)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
