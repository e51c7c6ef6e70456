"""What is seen of people in photos, over the crops around them.

B photos, K keypoints, S side of the crops, H W a picture's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from model.reconstruction.crop import Crop
from model.reconstruction.decode import Cameras
from model.reconstruction.inputs import PersonView
from model.reconstruction.network import ReconstructionConfig


@dataclass(frozen=True)
class Observed:
    """What a body is fitted to."""

    keypoints: Float[Tensor, "B K 3"]
    """x, y over the crop, each in [-1, 1] inside it; score in [0, 1]."""
    confidence: Float[Tensor, "B 1 S S"]
    """The confidence map; 0 beyond the picture."""
    pictured: Float[Tensor, "B 1 S S"]
    """1 where the picture is, 0 beyond it."""
    cameras: Cameras

    def of(self, photos: Int[Tensor, "P"]) -> "Observed":  # noqa: F821
        """Of some of the photos."""
        return Observed(
            self.keypoints[photos],
            self.confidence[photos],
            self.pictured[photos],
            self.cameras.of(photos),
        )


def observe(
    views: Sequence[PersonView],
    crops: Sequence[Crop],
    keypoints: Float[Tensor, "B K 3"],
    config: ReconstructionConfig,
    device: torch.device,
) -> Observed:
    """Of people who each have a confidence map.

    Args:
        views: The people.
        crops: Around each.
        keypoints: As the network gets them.
        config: Of the network.
        device: Where to.
    """
    maps, pictured = [], []
    for view, crop in zip(views, crops, strict=True):
        assert view.confidence is not None
        maps.append(crop.of(view.confidence, 0.0))
        pictured.append(crop.inside(*view.size))
    return Observed(
        keypoints.to(device),
        torch.cat(maps).clamp(0, 1).to(device),
        torch.cat(pictured).to(device),
        cameras_of(views, crops, config, device),
    )


def cameras_of(
    views: Sequence[PersonView],
    crops: Sequence[Crop],
    config: ReconstructionConfig,
    device: torch.device | str = "cpu",
) -> Cameras:
    """The cameras that the views were seen by.

    Args:
        views: The people.
        crops: Around each.
        config: Says the field of view where a focal length is unknown.
        device: Where to.
    """

    def tensor(rows: Sequence[object]) -> Tensor:
        return torch.tensor(rows, dtype=torch.float32, device=device)

    return Cameras(
        tensor([view.focal(config) for view in views]),
        tensor([[view.size[1] / 2, view.size[0] / 2] for view in views]),
        tensor([crop.centre for crop in crops]),
        tensor([crop.side for crop in crops]),
    )
