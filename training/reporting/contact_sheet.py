"""Contact sheets: pictures beside one another with a line above them, small enough for a card.

H W a picture's size.
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

PANEL_HEIGHT = 256
CAPTION_HEIGHT = 14
COLUMNS = 2
JPEG_LIMIT = 400_000
"""Bytes; a card's picture lies in the repository."""


class Tile(NamedTuple):
    """Panels beside one another, each (H, W, 3) uint8 of one size, and a line above them."""

    caption: str
    panels: tuple[np.ndarray, ...]


def contact_sheet(tiles: Sequence[Tile]) -> Image.Image:
    """Tiles in rows of two, panels at one height, on white."""
    widths = [[_panel_width(panel) for panel in tile.panels] for tile in tiles]
    cell = (max(map(sum, widths), default=1) + 8, PANEL_HEIGHT + CAPTION_HEIGHT + 4)
    num_rows = max(1, -(-len(tiles) // COLUMNS))
    sheet = Image.new("RGB", (cell[0] * COLUMNS, cell[1] * num_rows), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (tile, across) in enumerate(zip(tiles, widths, strict=True)):
        row, column = divmod(number, COLUMNS)
        left, top = column * cell[0] + 4, row * cell[1]
        draw.text((left, top), tile.caption, fill="black")
        for panel, width in zip(tile.panels, across, strict=True):
            shown = Image.fromarray(panel).resize((width, PANEL_HEIGHT))
            sheet.paste(shown, (left, top + CAPTION_HEIGHT))
            left += width
    return sheet


def jpeg_within(picture: Image.Image, limit: int = JPEG_LIMIT) -> bytes:
    """As good a JPEG as fits into so many bytes.

    Raises:
        ValueError: None does.
    """
    for quality in range(90, 0, -10):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True)
        if len(file.getvalue()) <= limit:
            return file.getvalue()
    raise ValueError(f"a picture of {picture.size} does not fit into {limit} bytes")


def _panel_width(panel: np.ndarray) -> int:
    height, width = panel.shape[:2]
    return max(1, round(int(width) * PANEL_HEIGHT / int(height)))
