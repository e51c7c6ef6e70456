"""The EfficientNet-Lite U-Net, against timm's implementation of the same encoder."""

import warnings

import pytest
import torch
from torch import nn

from model.lite_unet import (
    VARIANTS,
    LiteEncoder,
    LiteUNet,
    SameConv2d,
    Widening,
    scaled_width,
)


@pytest.mark.parametrize("variant", [0, 2])
def test_the_encoder_computes_what_timms_does_with_the_same_weights(variant: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        timm = pytest.importorskip("timm")
    peer: nn.Module = timm.create_model(
        f"tf_efficientnet_lite{variant}", pretrained=False, features_only=True
    ).eval()
    torch.manual_seed(0)
    encoder = LiteEncoder(variant).eval()
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.rand(module.num_features) - 0.5
            module.running_var = torch.rand(module.num_features) + 0.5
    # Both list their tensors in the order of computation.
    names = list(peer.state_dict())
    assert len(names) == len(encoder.state_dict())
    weights = zip(names, encoder.state_dict().values(), strict=True)
    peer.load_state_dict(dict(weights))
    images = torch.rand(2, 3, 64, 96) * 2 - 1
    with torch.inference_mode():
        found, expected = encoder(images), peer(images)
    assert [f.shape[1] for f in found] == [e.shape[1] for e in expected]
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kernel", "size"), [(3, (8, 12)), (5, (9, 12)), (3, (7, 7))])
def test_the_odd_pixel_of_same_padding_goes_to_the_right_and_the_bottom(
    kernel: int, size: tuple[int, int]
) -> None:
    layer = SameConv2d(1, 1, kernel, 2, bias=False)
    images = torch.rand(1, 1, *size)
    height, width = (-(-side // 2) for side in size)
    found = layer(images).detach()
    weight = layer.weight.detach()
    assert found.shape == (1, 1, height, width)
    # A window starts at the output's place times the stride, less half of the padding.
    starts = [
        (2 * (n - 1) + kernel - side) // 2 for n, side in zip((height, width), size, strict=True)
    ]
    for row in range(height):
        for column in range(width):
            value = 0.0
            for y in range(kernel):
                for x in range(kernel):
                    at = 2 * row + y - starts[0], 2 * column + x - starts[1]
                    if 0 <= at[0] < size[0] and 0 <= at[1] < size[1]:
                        value += float(weight[0, 0, y, x] * images[0, 0, at[0], at[1]])
            assert float(found[0, 0, row, column]) == pytest.approx(value, abs=1e-5)


def test_the_logits_have_half_the_size_and_one_channel_a_label() -> None:
    network = LiteUNet(0, (16, 16, 8, 8), num_classes=7).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 64, 96)).shape == (2, 7, 32, 48)


def test_a_batch_of_one_can_be_learned_from_at_the_smallest_size() -> None:
    network = LiteUNet(0, (16, 16, 8, 8), num_classes=7).train()
    # At 64 px the deepest features are 2 x 2: batch norm has four values each.
    network(torch.rand(1, 3, 64, 64)).mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_a_gradient_without_gaps_is_the_same_gradient() -> None:
    torch.manual_seed(0)
    level = Widening(6, 3, 5).double()
    features, skip = torch.rand(2, 6, 4, 3).double(), torch.rand(2, 3, 8, 6).double()
    coarse = [features.clone().requires_grad_() for _ in range(2)]
    level(coarse[0], skip).square().sum().backward()
    # Bilinear interpolation is linear: a matrix, column by column.
    columns = nn.functional.interpolate(
        torch.eye(12).double().view(12, 1, 4, 3), (8, 6), mode="bilinear"
    ).view(12, 48)
    larger = (coarse[1].flatten(2) @ columns).view(2, 6, 8, 6)
    level.smooth(level.mix(torch.cat([larger, skip], 1))).square().sum().backward()
    torch.testing.assert_close(coarse[0].grad, coarse[1].grad)


def test_the_encoders_have_the_published_widths() -> None:
    # EfficientNet-Lite2's, as timm and TensorFlow list them.
    assert LiteEncoder(2).widths == [16, 24, 48, 88, 120, 208, 352]
    assert len(VARIANTS) == 5
    assert scaled_width(16, 1.1) == 16


def test_a_decoder_of_another_depth_is_refused() -> None:
    with pytest.raises(ValueError, match="four are needed"):
        LiteUNet(0, (16, 16, 8))


def test_autocast_leaves_convolutions_of_single_channels_in_float32() -> None:
    seen = []
    encoder = LiteEncoder(0).train()
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(
                lambda layer, _, found: seen.append((layer.groups > 1, found.dtype))
            )
    with torch.autocast("cpu", torch.bfloat16):
        encoder(torch.rand(2, 3, 32, 32))
    assert set(seen) == {(True, torch.float32), (False, torch.bfloat16)}
