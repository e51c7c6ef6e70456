"""Contact sheets of the worst pictures: what was seen, what is known, what was predicted.

H W a picture's size.
"""

import numpy as np
from matplotlib import colormaps
from PIL import Image

from model.silhouette.confidence import sigma_for, silhouette_confidence
from training.datasets.ccp import CcpPhoto, ClothingCoParsing
from training.datasets.evaluation_pictures import LabelledStreetPhotos
from training.reporting.contact_sheet import Tile, contact_sheet
from training.reporting.evaluation import Measured
from training.reporting.scoring import Predictor
from training.silhouette.photo_scores import GARMENTS
from training.silhouette.reports import worst_photos, worst_rendered

OTHER, GARMENT, SKIN = (110, 110, 110), (70, 130, 220), (250, 190, 120)
"""Colours of labels; the background is black."""


def rendered_sheet(predictor: Predictor, measured: Measured) -> Image.Image:
    """The worst rendered pictures: picture, target, map.

    Args:
        predictor: Whose maps are shown.
        measured: The pictures and their scores.
    """
    tiles = []
    for place in worst_rendered(measured.scored):
        index, key, score = measured.scored[place]
        picture = measured.sample_set.samples[index]
        size = (picture.naked.shape[0], picture.naked.shape[1])
        target = silhouette_confidence(picture.naked, picture.dressed, sigma_for(size))
        (result,) = predictor.predict_batch([picture.image])
        panels = (picture.image, _magma(target), _magma(result.confidence))
        name = "/".join(key.split("/")[-3:])
        tiles.append(Tile(f"{name}: IoU {score.iou_body.network:.3f}", panels))
    return contact_sheet(tiles)


def photo_sheet(predictor: Predictor, measured: Measured) -> Image.Image:
    """The worst photos: photo, labels, map.

    Args:
        predictor: Whose maps are shown.
        measured: The photos and their scores.
    """
    photos: LabelledStreetPhotos = measured.sample_set.samples  # type: ignore[assignment]
    tiles = []
    for place in worst_photos(measured.scored):
        index, key, score = measured.scored[place]
        photo = photos[index]
        (result,) = predictor.predict_batch([photo.image])
        panels = (photo.image, _label_colours(photo, photos.dataset), _magma(result.confidence))
        caption = f"{key}: skin {score.skin:.2f}, background {score.background:.2f}"
        tiles.append(Tile(caption, panels))
    return contact_sheet(tiles)


def _magma(values: np.ndarray) -> np.ndarray:
    colours: np.ndarray = (colormaps["magma"](values)[..., :3] * 255).astype(np.uint8)
    return colours


def _label_colours(photo: CcpPhoto, dataset: ClothingCoParsing) -> np.ndarray:
    colours = np.full((len(dataset.label_names), 3), OTHER, np.uint8)
    for number, name in enumerate(dataset.label_names):
        if name in GARMENTS:
            colours[number] = GARMENT
    colours[dataset.label_id("skin")] = SKIN
    colours[dataset.label_id("null")] = 0
    shown: np.ndarray = colours[photo.labels]
    return shown
