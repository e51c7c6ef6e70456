import dataclasses
import json
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import segmentation

from model.clothing.network import ClothingConfig, ClothingNetwork, NetworkName
from model.clothing.torchvision_networks import TORCHVISION_NETWORKS, BackboneWithHeads

SMALL: dict[str, ClothingConfig] = {
    "unet": ClothingConfig("unet", 7, widths=(4, 8, 16)),
    "deeplabv3_mobilenet_v3_large": ClothingConfig(
        "deeplabv3_mobilenet_v3_large", 7, auxiliary=True
    ),
    "efficientnet_lite_unet": ClothingConfig(
        "efficientnet_lite_unet", 7, decoder_widths=(16, 8, 8, 8)
    ),
}
STRIDES = {"unet": 1, "deeplabv3_mobilenet_v3_large": 16, "efficientnet_lite_unet": 2}


@pytest.fixture(scope="module", params=SMALL, ids=list(SMALL))
def network(request: pytest.FixtureRequest) -> ClothingNetwork:
    torch.manual_seed(0)
    return ClothingNetwork(SMALL[request.param])


def test_the_unet_of_the_seeds_has_their_number_of_parameters() -> None:
    with torch.device("meta"):
        network = ClothingNetwork(ClothingConfig("unet"))
    assert sum(p.numel() for p in network.parameters()) == 37_139_049


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("deeplabv3_resnet50", 42_004_074),
        ("deeplabv3_resnet101", 60_996_202),
        ("deeplabv3_mobilenet_v3_large", 11_029_328),
        ("fcn_resnet101", 54_314_346),
    ],
)
def test_torchvisions_networks_have_the_published_numbers_of_parameters(
    name: NetworkName, published: int
) -> None:
    """As torchvision's documentation gives them, for 21 labels and with the auxiliary head."""
    with torch.device("meta"):
        network = ClothingNetwork(ClothingConfig(name, num_classes=21, auxiliary=True))
    assert sum(p.numel() for p in network.parameters()) == published


@pytest.mark.parametrize("name", TORCHVISION_NETWORKS)
def test_torchvisions_weights_fit_by_their_names(name: NetworkName) -> None:
    with torch.device("meta"):
        build = getattr(segmentation, name)
        theirs = build(weights=None, weights_backbone=None, num_classes=5, aux_loss=True)
        ours = ClothingNetwork(ClothingConfig(name, 5, auxiliary=True))
    shapes = {key: tensor.shape for key, tensor in theirs.state_dict().items()}
    assert {key: tensor.shape for key, tensor in ours.network.state_dict().items()} == shapes


def test_enlarged_logits_are_what_torchvisions_deeplab_gives() -> None:
    torch.manual_seed(0)
    theirs = segmentation.deeplabv3_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=5, aux_loss=True
    )
    ours = ClothingNetwork(ClothingConfig("deeplabv3_mobilenet_v3_large", 5, auxiliary=True))
    ours.network.load_state_dict(theirs.state_dict(), strict=True)
    images = torch.rand(1, 3, 50, 33)
    mean, deviation = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    normalised = (images - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(deviation).view(3, 1, 1)
    with torch.inference_mode():
        expected = theirs.eval()(normalised)["out"]
        (logits,) = ours.eval()(images)
    enlarged = F.interpolate(logits, size=(50, 33), mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarged, expected)


@pytest.mark.parametrize("name", ["deeplabv3_resnet50", "fcn_resnet101"])
def test_enlarged_logits_are_what_torchvision_makes_of_the_same_parts(name: NetworkName) -> None:
    with torch.device("meta"):
        ours = BackboneWithHeads(name, 5, auxiliary=False)
    # Drawing a ResNet's weights as torchvision does takes seconds.
    ours = ours.to_empty(device="cpu").eval()
    torch.manual_seed(0)
    for key, tensor in ours.state_dict().items():
        if key.endswith("running_var"):
            tensor.fill_(1)
        elif tensor.is_floating_point():
            tensor.uniform_(-1, 1).div_(max(1, tensor[0].numel()) ** 0.5)
    theirs = segmentation.fcn.FCN(ours.backbone, ours.classifier)
    images = torch.rand(1, 3, 50, 33)
    with torch.inference_mode():
        expected = theirs.eval()(images)["out"]
        (logits,) = ours(images)
    assert logits.shape == (1, 5, 7, 5)
    assert logits.std() > 0
    enlarged = F.interpolate(logits, size=(50, 33), mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarged, expected)


def test_in_training_the_auxiliary_head_is_torchvisions() -> None:
    torch.manual_seed(0)
    name: NetworkName = "deeplabv3_mobilenet_v3_large"
    theirs = segmentation.deeplabv3_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=5, aux_loss=True
    )
    ours = ClothingNetwork(ClothingConfig(name, 5, auxiliary=True))
    ours.network.load_state_dict(theirs.state_dict(), strict=True)
    for module in (*theirs.modules(), *ours.modules()):
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    images = torch.rand(2, 3, 48, 64)
    with torch.no_grad():
        expected = theirs.train()((images - ours.mean) / ours.deviation)
        found = ours.train()(images)
    assert len(found) == 2
    for logits, name_of_theirs in zip(found, ("out", "aux"), strict=True):
        enlarged = F.interpolate(logits, size=(48, 64), mode="bilinear", align_corners=False)
        torch.testing.assert_close(enlarged, expected[name_of_theirs], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [(32, 32), (96, 64), (45, 70)])
def test_logits_cover_the_input_at_the_networks_own_stride(
    network: ClothingNetwork, size: tuple[int, int]
) -> None:
    stride = STRIDES[network.config.network]
    with torch.inference_mode():
        (logits,) = network.eval()(torch.rand(2, 3, *size))
    assert logits.shape == (2, 7, *(-(-side // stride) for side in size))


def test_a_single_picture_can_be_learned_from(network: ClothingNetwork) -> None:
    outputs = network.train()(torch.rand(1, 3, 64, 64))
    assert len(outputs) == (2 if network.config.auxiliary else 1)
    sum(logits.square().mean() for logits in outputs).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_a_unet_sees_a_repeated_edge_where_its_input_is_too_short() -> None:
    torch.manual_seed(0)
    network = ClothingNetwork(SMALL["unet"]).eval()
    images = torch.rand(1, 3, 33, 38)
    padded = F.pad(images, (0, 2, 0, 3), mode="replicate")
    with torch.inference_mode():
        torch.testing.assert_close(network(images)[0], network(padded)[0][..., :33, :38])


def test_what_moves_in_the_picture_moves_in_a_unets_logits() -> None:
    torch.manual_seed(0)
    network = ClothingNetwork(SMALL["unet"]).eval()
    images = torch.full((1, 3, 96, 96), 0.5)
    images[..., 40:52, 44:50] = torch.rand(3, 12, 6)
    with torch.inference_mode():
        (here,) = network(images)
        (there,) = network(images.roll((8, -12), (2, 3)))
    inner = slice(24, 72)
    assert here[..., inner, inner].std(dim=(2, 3)).min() > 0
    torch.testing.assert_close(there[..., 32:80, 12:60], here[..., inner, inner])


def test_a_picture_that_is_too_small_is_refused(network: ClothingNetwork) -> None:
    with pytest.raises(ValueError, match="31x64"):
        network(torch.rand(1, 3, 31, 64))


def test_what_is_normalised_by_is_not_in_the_checkpoint(network: ClothingNetwork) -> None:
    assert all(name.startswith("network.") for name in network.state_dict())


def test_a_config_comes_back_from_json() -> None:
    for config in SMALL.values():
        text = json.dumps(dataclasses.asdict(config))
        assert ClothingConfig.from_json(json.loads(text)) == config
    with pytest.raises(TypeError, match="colour"):
        ClothingConfig.from_json({"network": "unet", "colour": "red"})


def test_a_network_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="network is 'segnet'; there are unet, "):
        ClothingConfig.from_json({"network": "segnet"})
    assert len(get_args(NetworkName)) == 6


@pytest.mark.parametrize("name", ["unet", "efficientnet_lite_unet"])
def test_an_auxiliary_head_that_is_not_there_is_refused(name: NetworkName) -> None:
    with pytest.raises(ValueError, match=f"{name} has no auxiliary head"):
        ClothingConfig(name, auxiliary=True)


@pytest.mark.parametrize("name", TORCHVISION_NETWORKS)
def test_running_statistics_follow_within_a_short_run(name: NetworkName) -> None:
    """Else the network that is judged is not the one that was trained."""
    with torch.device("meta"):
        network = ClothingNetwork(ClothingConfig(network=name, auxiliary=True))
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) > 40
    assert {norm.momentum for norm in norms} == {0.1}
