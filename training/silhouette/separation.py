"""How well a network's map tells people from background in real photos, whatever the threshold."""

import numpy as np
import torch
from torch import nn

from model.staging import preprocess
from training.datasets.ccp import ClothingCoParsing
from training.silhouette.counts import LEVELS, area_under_curve, histogram
from training.silhouette.task import predicted_maps

NULL = "null"
"""The label of background."""


def separation(network: nn.Module, dataset: ClothingCoParsing, side: int) -> float:
    """Area under the ROC of person against background, over all pixels of the held-out photos.

    The person is every pixel with another label than `null`.

    Args:
        network: In evaluation mode; pictures to maps, the last of which counts.
        dataset: Its validation photos are measured on.
        side: Of the square that photos are letterboxed to.
    """
    person, background = (np.zeros(LEVELS + 1, np.int64) for _ in range(2))
    null = dataset.label_id(NULL)
    for number in dataset.validation_numbers():
        photo = dataset.read(number)
        picture, letterbox = preprocess(photo.image, side)
        with torch.inference_mode():
            found = letterbox.invert(predicted_maps(network, picture))[0, 0].clamp(0, 1).numpy()
        person += histogram(found[photo.labels != null])
        background += histogram(found[photo.labels == null])
    return area_under_curve(person, background)
