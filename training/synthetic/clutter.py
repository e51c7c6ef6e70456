"""Things that fill a picture behind a person: shapes, houses, trees, cars, walls of rooms.

All are painted flat, in pixels; H W the picture's size.
"""

import numpy as np
from PIL import Image, ImageDraw

Size = tuple[int, int]


def draw_things(canvas: Image.Image, rng: np.random.Generator, num: int) -> None:
    """Bars, boxes and discs anywhere, some as tall and thin as limbs are."""
    draw = ImageDraw.Draw(canvas)
    size = (canvas.height, canvas.width)
    for _ in range(num):
        _draw_shape(draw, rng, size)


def draw_street(canvas: Image.Image, rng: np.random.Generator, horizon: float) -> None:
    """Houses and trees on the horizon, then cars and poles nearer.

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


def draw_park(canvas: Image.Image, rng: np.random.Generator, horizon: float) -> None:
    """A treeline on the horizon, then trees, bushes and a fence nearer; arguments as above."""
    draw = ImageDraw.Draw(canvas)
    height, width = canvas.height, canvas.width
    base = min(max(horizon, 0.1 * height), 0.8 * height)
    if rng.random() < 0.8:
        _draw_bushes(draw, rng, np.linspace(0, width, 22), base, 0.12 * height)
    for _ in range(int(rng.integers(0, 6))):
        _draw_tree(draw, rng, width, height, base)
    if rng.random() < 0.5:
        middle, spread = rng.uniform(0, width), rng.uniform(0.05, 0.5) * width
        foot = base + rng.uniform(0.02, 0.25) * height
        _draw_bushes(
            draw, rng, rng.normal(middle, spread, 14), foot, rng.uniform(0.04, 0.2) * height
        )
    if rng.random() < 0.3:
        paint, foot = muted(rng), base + rng.uniform(0.02, 0.15) * height
        tall, step = rng.uniform(0.05, 0.2) * height, rng.uniform(0.02, 0.1) * width
        for x in np.arange(0, width, step):
            draw.rectangle((x, foot - tall, x + 0.3 * step, foot), fill=paint)
        draw.rectangle((0, foot - 0.8 * tall, width, foot - 0.7 * tall), fill=paint)


def draw_room(canvas: Image.Image, rng: np.random.Generator, horizon: float) -> None:
    """Windows, doors, pictures, shelves and machines on a wall; arguments as above."""
    draw = ImageDraw.Draw(canvas)
    height, width = canvas.height, canvas.width
    floor = min(max(horizon, 0.3 * height) + rng.uniform(0.1, 0.35) * height, 0.95 * height)
    for _ in range(int(rng.integers(0, 6))):
        x, wide = rng.uniform(-0.1, 1) * width, rng.uniform(0.08, 0.35) * width
        kind = rng.choice(["window", "picture", "door", "shelf", "machine"])
        tall = wide * rng.uniform(0.6, 1.5)
        foot = floor - rng.uniform(0.3, 0.6) * height
        if kind in ("door", "shelf", "machine"):
            tall, foot = rng.uniform(0.25, 0.8) * height, floor
        frame, inside = muted(rng), muted(rng)
        edge = 0.06 * wide
        draw.rectangle((x, foot - tall, x + wide, foot), fill=frame)
        draw.rectangle((x + edge, foot - tall + edge, x + wide - edge, foot - edge), fill=inside)
        if kind == "window":
            draw.rectangle((x + 0.47 * wide, foot - tall, x + 0.53 * wide, foot), fill=frame)
        elif kind in ("shelf", "machine"):
            for level in np.arange(foot - tall, foot, max(rng.uniform(0.1, 0.3) * tall, 2)):
                draw.rectangle((x, level, x + wide, level + edge), fill=frame)
                for left in rng.uniform(0, 0.9, int(rng.integers(0, 9))) * wide:
                    high = level + edge + rng.uniform(0.02, 0.12) * tall
                    box = (x + left, level + edge, x + left + 0.08 * wide, high)
                    draw.rectangle(box, fill=muted(rng))


def _draw_bushes(
    draw: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    columns: np.ndarray,
    foot: float,
    tall: float,
) -> None:
    for x in columns:
        for _ in range(3):
            green = rng.uniform(0.12, 0.45)
            tint = rng.uniform(0.5, 0.9)
            radius = rng.uniform(0.25, 0.8) * tall
            at = np.array([x + rng.normal(0, 0.3) * tall, foot - rng.uniform(0, 0.7) * tall])
            colour = (int(255 * green * tint), int(255 * green), int(110 * green))
            draw.ellipse((*(at - radius), *(at + radius)), fill=colour)


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
