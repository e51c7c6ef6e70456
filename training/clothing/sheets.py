"""Contact sheet of the worst photos, with what the colours mean.

H W a picture's size.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from model.clothing.labels import GROUP_OF, GROUPED, LabelScheme
from training.clothing.measure import MeasuredPhoto, Predictor
from training.clothing.reports import worst_photos
from training.clothing.sources import LabelledDataset
from training.reporting.contact_sheet import CAPTION_HEIGHT, Tile, contact_sheet

ENTRY_WIDTH = 110
"""Of a label in the legend, in pixels."""


def worst_sheet(
    predictor: Predictor, dataset: LabelledDataset, photos: Sequence[MeasuredPhoto]
) -> Image.Image:
    """The worst photos: photo, labels, prediction; below them the colours of the groups in them.

    Args:
        predictor: Whose maps are shown.
        dataset: Where photos come from.
        photos: All that were measured.
    """
    tiles, shown = [], set()
    for place in worst_photos(photos):
        measured = photos[place]
        photo = dataset.read(measured.number)
        truth = GROUP_OF[photo.labels]
        (result,) = predictor.predict_batch([photo.image])
        shown |= {*np.unique(truth).tolist(), *np.unique(result.grouped).tolist()}
        panels = (photo.image, GROUPED.decode(truth), GROUPED.decode(result.grouped))
        caption = f"{measured.number:04d}: mean IoU {measured.grouped.mean_iou():.2f}"
        tiles.append(Tile(caption, panels))
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
