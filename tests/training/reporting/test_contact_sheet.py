import numpy as np
import pytest
from PIL import Image

from training.reporting.contact_sheet import (
    CAPTION_HEIGHT,
    PANEL_HEIGHT,
    Tile,
    contact_sheet,
    jpeg_within,
)


def test_a_sheet_has_two_tiles_in_a_row_at_one_height() -> None:
    def panel(height: int, width: int) -> np.ndarray:
        return np.full((height, width, 3), 200, np.uint8)

    tiles = [Tile("one", (panel(100, 50),) * 3)] * 2 + [Tile("two", (panel(512, 512),))]
    sheet = contact_sheet(tiles)
    assert sheet.height == pytest.approx(2 * (PANEL_HEIGHT + CAPTION_HEIGHT), abs=10)
    assert sheet.width == pytest.approx(2 * 3 * PANEL_HEIGHT / 2, abs=20)


def test_a_jpeg_fits_into_its_limit_or_is_refused(rng: np.random.Generator) -> None:
    noise = Image.fromarray(rng.integers(0, 256, (200, 200, 3), dtype=np.uint8))
    best = jpeg_within(noise, 10**6)
    less = jpeg_within(noise, len(best) // 2)
    assert len(less) <= len(best) // 2
    with pytest.raises(ValueError, match="does not fit into 100 bytes"):
        jpeg_within(noise, 100)
