import csv
import io
import json

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
from training.reporting.scoring import Scored
from training.reporting.tables import without_nan
from training.silhouette.metrics import score_rendered
from training.silhouette.photo_metrics import PhotoScore, score_photo
from training.silhouette.summary import (
    photo_csv,
    photo_report,
    rendered_report,
    worst_photos,
    worst_rendered,
)


def photo(skin: float | None) -> PhotoScore:
    """Two pixels of skin, if any, and two of an empty street."""
    labelled = np.array([[skin is not None] * 2 + [False] * 2])
    nothing = np.zeros_like(labelled)
    return score_photo(np.where(labelled, skin or 0.0, 0.0), labelled, ~labelled, nothing)


def test_the_worst_come_first_and_photos_without_skin_not_at_all() -> None:
    photos = [Scored(n, f"ccp/{n}", photo(s)) for n, s in enumerate((0.9, 0.2, None, 0.5))]
    assert worst_photos(photos) == [1, 3, 0]
    assert [row["photo"] for row in photo_report(photos)["worst_photos"]] == [
        "ccp/1", "ccp/3", "ccp/0",
    ]  # fmt: skip
    body = np.zeros((20, 20), bool)
    body[5:15, 5:15] = True
    maps = [body.astype(float), np.zeros((20, 20)), np.ones((20, 20))]
    pictures = [Scored(n, str(n), score_rendered(m, body, body, None)) for n, m in enumerate(maps)]
    assert worst_rendered(pictures) == [1, 2, 0]
    assert worst_rendered(pictures * 5)[:5] == [1, 4, 7, 10, 13]
    assert len(worst_rendered(pictures * 5)) == 10


def test_what_is_not_known_is_empty_in_tables_and_null_in_json() -> None:
    rows = list(csv.DictReader(io.StringIO(photo_csv([Scored(0, "ccp/1", photo(None))]))))
    assert rows[0]["skin"] == ""
    assert float(rows[0]["background"]) == 0
    report = without_nan(photo_report([Scored(0, "ccp/1", photo(None))]))
    assert report["photos"]["median_skin"] is None
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    # Nobody in the picture: no looseness, no cloth, and nothing to divide by.
    nobody = np.zeros((20, 20), bool)
    empty = rendered_report([Scored(0, "x", score_rendered(nobody * 0.0, nobody, nobody, None))])
    assert without_nan(empty)["cloth_ratio"] is None
    assert empty["by_looseness"] == empty["by_view"] == []


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
