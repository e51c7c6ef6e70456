"""DeepLabV3 and FCN as torchvision builds them, taken apart into backbone and heads.

torchvision's own wrapper enlarges every output to the input's size. Here the outputs stay at the
stride of the backbone: the loss needs no more, and the predictor enlarges only what it must. The
parameters keep torchvision's names, so that its weights fit.

Sources: Chen et al., Rethinking Atrous Convolution for Semantic Image Segmentation, arXiv
1706.05587; Long, Shelhamer, Darrell, Fully Convolutional Networks for Semantic Segmentation, CVPR
2015; Howard et al., Searching for MobileNetV3, ICCV 2019.

B batch, C labels, H W input size, h w the logits' size.
"""

import importlib

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

TORCHVISION_NETWORKS = (
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "deeplabv3_mobilenet_v3_large",
    "fcn_resnet101",
)
"""By the names that torchvision's builders have."""


class BackboneWithHeads(nn.Module):
    """A backbone, a head on its last features and perhaps one on earlier features."""

    def __init__(self, name: str, num_classes: int, auxiliary: bool) -> None:
        """Draw the weights; nothing is downloaded.

        Args:
            name: One of `TORCHVISION_NETWORKS`.
            num_classes: Labels.
            auxiliary: Whether there is a head on the features before the last ones.
        """
        super().__init__()
        # Imported here: it takes longer than the rest of a server's start, and the network that is
        # served by default does without.
        segmentation = importlib.import_module("torchvision.models.segmentation")
        built = getattr(segmentation, name)(
            weights=None, weights_backbone=None, num_classes=num_classes, aux_loss=auxiliary
        )
        self.backbone: nn.Module = built.backbone
        self.classifier: nn.Module = built.classifier
        self.aux_classifier: nn.Module | None = built.aux_classifier
        for module in self.classifier.modules():
            if isinstance(module, segmentation.deeplabv3.ASPPPooling):
                module[2] = PooledBatchNorm(module[2].num_features)
        # MobileNetV3's own 0.01 suits runs of many epochs: after a few hundred steps the running
        # statistics would still be far from the data's, and another network judged than trained.
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.1

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """Logits (B, C, h, w) at an eighth of the input's resolution, with MobileNetV3 a sixteenth.

        In training the auxiliary head's follow, if there is one.

        Args:
            images: With ImageNet's mean taken off and divided by its deviation.
        """
        features = self.backbone(images)
        outputs: list[Tensor] = [self.classifier(features["out"])]
        if self.training and self.aux_classifier is not None:
            outputs.append(self.aux_classifier(features["aux"]))
        return outputs


class PooledBatchNorm(nn.BatchNorm2d):
    """A batch norm that learns from pictures pooled to one value each, also from a single one.

    One value has no deviation: torch refuses it (pytorch/vision#2151). A single picture is
    normalised by the running statistics, as in evaluation, and leaves them as they are.
    """

    def forward(self, input: Float[Tensor, "B C 1 1"]) -> Float[Tensor, "B C 1 1"]:
        """Normalise."""
        if self.training and len(input) == 1:
            return F.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(input)
