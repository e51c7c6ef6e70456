"""A person in a picture to the network's input. Training and serving call the same function.

H W the picture's size, S side of the network's input, K keypoints.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from model.image import FILL, check_size
from model.reconstruction.crop import Crop, focal_length
from model.reconstruction.network import LAYERS, NetworkInput, ReconstructionConfig

KEYPOINT_SIGMA = 0.02
"""Standard deviation of a keypoint's peak, in sides of the crop."""
MEAN_HEIGHT, HEIGHT_SPREAD = 1.68, 0.1
"""Metres: what heights are shifted and divided by."""
MEAN_LOG_WEIGHT, LOG_WEIGHT_SPREAD = 4.35, 0.25
"""Of the logarithm of kilograms; 4.35 are 77 kg."""


@dataclass(frozen=True)
class PersonView:
    """One person in one picture, and all that is known of both."""

    image: UInt8[np.ndarray, "H W 3"]
    """RGB, upright."""
    box: Float32[np.ndarray, "4"]
    """Around what is seen of the person: left, top, right, bottom in pixels."""
    keypoints: Float32[np.ndarray, "K 3"]
    """COCO's 17: x, y in pixels, and a score in [0, 1]; 0 where there is none."""
    confidence: Float32[np.ndarray, "H W"] | None = None
    """The confidence map in [0, 1]; needed where `inputs` names it."""
    silhouette: Float32[np.ndarray, "H W"] | None = None
    """In [0, 1]; needed for the inputs that only training knows."""
    focal_px: float | None = None
    """Of the camera, in pixels; from the field of view of the configuration where unknown."""
    height_m: float | None = None
    weight_kg: float | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return self.image.shape[0], self.image.shape[1]

    def focal(self, config: ReconstructionConfig) -> float:
        """In pixels, assumed where it is unknown."""
        return self.focal_px or focal_length(self.size, config.field_of_view_deg)


def preprocess(
    view: PersonView, config: ReconstructionConfig, size: int
) -> tuple[NetworkInput, Crop]:
    """The network's view of one person, a batch of one, and where its crop is.

    Args:
        view: The person.
        config: Of the network.
        size: Side of the network's input.

    Raises:
        InvalidInputError: A side of the picture is under 16 pixels.
        ValueError: `view` lacks what `config.inputs` needs.
    """
    check_size(*view.size)
    crop = Crop.around(view.box, size)
    inside = crop.inside(*view.size)
    layers = [_layer(name, view, crop) for name in LAYERS[config.inputs]]
    keypoints = np.concatenate([crop.inward(view.keypoints[:, :2]), view.keypoints[:, 2:]], axis=1)
    # A keypoint far away is none: its coordinates would drown the others'.
    keypoints[(np.abs(keypoints[:, :2]) > 2).any(axis=1) | (keypoints[:, 2] <= 0)] = 0
    points = torch.from_numpy(keypoints)[None]
    heat = [heat_maps(points, size)] if config.keypoints else []
    return (
        NetworkInput(
            torch.cat([*layers, inside, *heat], dim=1),
            points,
            known_size(view.height_m, view.weight_kg),
            _place(view, crop, view.focal(config)),
        ),
        crop,
    )


def heat_maps(keypoints: Float[Tensor, "B K 3"], size: int) -> Float[Tensor, "B K S S"]:
    """A Gaussian of the height of its score for each keypoint.

    Args:
        keypoints: As in `NetworkInput`.
        size: S.
    """
    places = (torch.arange(size, device=keypoints.device) + 0.5) * (2 / size) - 1
    scale = -0.5 / (2 * KEYPOINT_SIGMA) ** 2
    x, y, score = keypoints[..., None].unbind(2)
    across, down = (((places - at) ** 2 * scale).exp() for at in (x, y))
    return (score * down)[..., None] * across[..., None, :]


def known_size(height_m: float | None, weight_kg: float | None) -> Float[Tensor, "1 4"]:
    """Height and weight as the network wants them, and whether each is known."""
    height = 0.0 if height_m is None else (height_m - MEAN_HEIGHT) / HEIGHT_SPREAD
    weight = 0.0 if weight_kg is None else (np.log(weight_kg) - MEAN_LOG_WEIGHT) / LOG_WEIGHT_SPREAD
    return torch.tensor(
        [[height, weight, height_m is not None, weight_kg is not None]], dtype=torch.float32
    )


def _place(view: PersonView, crop: Crop, focal: float) -> Float[Tensor, "1 3"]:
    height, width = view.size
    x, y = crop.centre
    return torch.tensor(
        [[(x - width / 2) / focal, (y - height / 2) / focal, crop.side / focal]],
        dtype=torch.float32,
    )


def _layer(name: str, view: PersonView, crop: Crop) -> Float[Tensor, "1 C S S"]:
    if name == "photo":
        return crop.of(view.image, FILL)
    if name == "weighted_photo":
        return crop.of(view.image, 0.0) * crop.of(_there(view.confidence, "confidence map"), 0.0)
    if name == "map":
        return crop.of(_there(view.confidence, "confidence map"), 0.0)
    assert name == "silhouette"
    return crop.of(_there(view.silhouette, "silhouette"), 0.0)


def _there(values: Float32[np.ndarray, "H W"] | None, what: str) -> Float32[np.ndarray, "H W"]:
    if values is None:
        raise ValueError(f"the network's input needs a {what}, and the view has none")
    return values
