"""Person against background in photos, against the definition by pairs of pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training.datasets.ccp import ClothingCoParsing
from training.silhouette.separation import separation


class Darkness(nn.Module):
    """As sure of the body as the picture is dark."""

    def forward(self, images: Tensor) -> list[Tensor]:
        """One map."""
        return [1 - images.mean(1, keepdim=True)]


class Nothing(nn.Module):
    """Sure of nothing."""

    def forward(self, images: Tensor) -> list[Tensor]:
        """One map."""
        return [torch.full_like(images[:, :1], 0.5)]


def test_the_area_is_the_share_of_pixel_pairs_in_order(ccp_folder: Path) -> None:
    photos = ClothingCoParsing.open(ccp_folder)
    # At the photos' own size the map is the photo, to the rounding of JPEG and interpolation.
    found = separation(Darkness(), photos, 60)
    person, background = [], []
    for number in photos.validation_numbers():
        photo = photos.read(number)
        darkness = 1 - photo.image.mean(-1) / 255
        person.append(darkness[photo.labels > 0])
        background.append(darkness[photo.labels == 0])
    pairs = np.concatenate(person)[:, None] - np.concatenate(background)[None]
    assert found == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2, abs=0.01)


def test_a_map_without_information_has_half(ccp_folder: Path) -> None:
    assert separation(Nothing(), ClothingCoParsing.open(ccp_folder), 32) == 0.5
