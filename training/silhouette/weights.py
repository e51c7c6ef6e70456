"""Weights that a silhouette network starts from."""

import dataclasses
from pathlib import Path

from torch import nn

from model.checkpoint import load_checkpoint
from model.clothing.predictor import ARCHITECTURE as CLOTHING
from model.errors import InvalidInputError
from model.silhouette.architectures import architecture_of
from model.silhouette.lite import LiteSilhouette
from model.silhouette.network import HourglassConfig, StackedHourglass
from training.engine.encoder_weights import load_package_weights


def start_from(network: nn.Module, weights: str, initial: str | None) -> None:
    """Put weights into a fresh network, or leave those that were drawn.

    Args:
        network: Any that a recipe may ask for.
        weights: `none`, or `package` for the encoder of a `LiteSilhouette`.
        initial: Checkpoint of ours.

    Raises:
        FileNotFoundError: The checkpoint is not there.
        CheckpointError: It is damaged.
        InvalidInputError: It is of another network, or the weights' package is not installed.
        AssetError: The package holds another file than the published one.
    """
    if isinstance(network, LiteSilhouette) and weights == "package":
        network.unet.encoder.load_state_dict(load_package_weights(network.config.variant))
    elif initial is None:
        return
    elif isinstance(network, LiteSilhouette):
        _lite_from(network, Path(initial))
    elif isinstance(network, StackedHourglass):
        _hourglass_from(network, Path(initial))


def _hourglass_from(network: StackedHourglass, checkpoint: Path) -> None:
    header, tensors = load_checkpoint(checkpoint, architecture_of(network))
    given, wanted = HourglassConfig(**header.config["network"]), network.config
    # A refinement may be put on top of what has none.
    added = bool(wanted.refinement_width) and not given.refinement_width
    if given != (dataclasses.replace(wanted, refinement_width=0) if added else wanted):
        raise InvalidInputError(f"{checkpoint} holds a {given}; the recipe asks for a {wanted}")
    network.load_state_dict(tensors, strict=not added)


def _lite_from(network: LiteSilhouette, checkpoint: Path) -> None:
    header, tensors = load_checkpoint(checkpoint, architecture_of(network), CLOTHING)
    config = header.config["network"]
    of_clothing = header.architecture == CLOTHING
    given = [config.get("lite_variant" if of_clothing else "variant"), config["decoder_widths"]]
    wanted = [network.config.variant, list(network.config.decoder_widths)]
    if given != wanted or (of_clothing and config["network"] != "efficientnet_lite_unet"):
        raise InvalidInputError(
            f"{checkpoint} holds a {header.architecture} with {config}; "
            f"the recipe asks for {network.config}"
        )
    if of_clothing:
        # Which garment it is decides the last layer; where somebody is, all the others.
        kept = {name.removeprefix("network."): tensor for name, tensor in tensors.items()}
        drawn = {f"classify.{name}": t for name, t in network.unet.classify.state_dict().items()}
        network.unet.load_state_dict(kept | drawn)
    else:
        network.load_state_dict(tensors)
