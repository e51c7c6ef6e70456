"""The legend of colours by trust, drawn into a picture.

H W the picture's size.
"""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from model.mesh_confidence.colours import trust_colours

SHARE = 0.3
"""Length of the bar over the picture's width."""
LEAST_LENGTH, HEIGHT, MARGIN, TEXT_HEIGHT = 64, 10, 8, 12
"""In pixels."""


def with_legend(image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """The picture with a bar from no trust to full trust in its lower left corner.

    A picture that is too small for the bar stays as it is.
    """
    height, width = image.shape[:2]
    length = max(LEAST_LENGTH, round(SHARE * width))
    panel = (length + 2 * MARGIN, HEIGHT + TEXT_HEIGHT + 2 * MARGIN)
    if panel[0] > width or panel[1] > height:
        return image
    left, top = MARGIN, height - panel[1] + MARGIN
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height - panel[1], panel[0], height), fill="white")
    bar = np.broadcast_to(trust_colours(np.linspace(0, 1, length)), (HEIGHT, length, 3))
    picture.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, top + TEXT_HEIGHT))
    draw.text((left, top), "trust 0", fill="black")
    draw.text((left + length, top), "1", fill="black", anchor="ra")
    return np.asarray(picture)
