"""Contact sheet of the worst photos, with what the colours mean.

H W a picture's size.
"""

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw

from model.clothing.labels import GROUP_OF, GROUPED, LabelScheme
from training.clothing.reports import worst_photos
from training.reporting.contact_sheet import CAPTION_HEIGHT, Tile, contact_sheet
from training.reporting.evaluation import Measured
from training.reporting.scoring import Predictor

ENTRY_WIDTH = 110
"""Of a label in the legend, in pixels."""


def worst_sheet(predictor: Predictor, measured: Measured) -> Image.Image:
    """The worst photos: photo, labels, prediction; below them the colours of the groups in them.

    Args:
        predictor: Whose maps are shown.
        measured: The photos and their scores.
    """
    tiles, shown = [], set()
    for place in worst_photos(measured.scored):
        index, key, score = measured.scored[place]
        photo = measured.sample_set.samples[index]
        truth = GROUP_OF[photo.labels]
        (result,) = predictor.predict_batch([photo.image])
        shown |= {*np.unique(truth).tolist(), *np.unique(result.grouped).tolist()}
        panels = (photo.image, GROUPED.decode(truth), GROUPED.decode(result.grouped))
        tiles.append(Tile(f"{key}: mean IoU {score.grouped.mean_iou():.2f}", panels))
    return with_legend(contact_sheet(tiles), GROUPED, sorted(shown))


def with_legend(picture: Image.Image, scheme: LabelScheme, ids: Iterable[int]) -> Image.Image:
    """The picture, and below it colours with their labels.

    Args:
        picture: RGB.
        scheme: Names and colours.
        ids: Of the labels that are named.
    """
    entries = list(ids)
    in_row = max(1, picture.width // ENTRY_WIDTH)
    num_rows = -(-len(entries) // in_row)
    height = picture.height + num_rows * (CAPTION_HEIGHT + 4) + 4
    sheet = Image.new("RGB", (picture.width, height), "white")
    sheet.paste(picture)
    draw = ImageDraw.Draw(sheet)
    for number, label in enumerate(entries):
        row, column = divmod(number, in_row)
        left = column * ENTRY_WIDTH + 4
        top = picture.height + row * (CAPTION_HEIGHT + 4) + 4
        colour = tuple(scheme.colours[label].tolist())
        draw.rectangle((left, top, left + 12, top + 12), fill=colour, outline="black")
        draw.text((left + 18, top), scheme.labels[label], fill="black")
    return sheet
