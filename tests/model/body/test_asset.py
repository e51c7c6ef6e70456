import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.body.asset import SmplAsset, load_asset, save_asset
from model.checkpoint import CheckpointHeader, TrainingPart, save_checkpoint
from model.errors import AssetError, CheckpointError

HEADER = CheckpointHeader("", {}, (TrainingPart({}, "none", "nothing", 0),), {}, "CC0-1.0")


def test_an_asset_comes_back_from_its_file(tmp_path: Path, asset: SmplAsset) -> None:
    save_asset(tmp_path / "body.safetensors", asset, HEADER)
    header, loaded = load_asset(tmp_path / "body.safetensors")
    assert header.architecture == "smpl-body"
    assert header.config == {"num_vertices": 60, "num_betas": 10, "num_pose_features": 207}
    for name, tensor in asset.tensors().items():
        torch.testing.assert_close(loaded.tensors()[name], tensor, rtol=0, atol=0)


def test_the_same_asset_is_the_same_bytes(tmp_path: Path, asset: SmplAsset) -> None:
    for name in ("a", "b"):
        save_asset(tmp_path / name, asset, HEADER)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_body_without_pose_correctives_is_a_body(
    tmp_path: Path, tensors: dict[str, Tensor]
) -> None:
    asset = SmplAsset.from_tensors({**tensors, "posedirs": torch.zeros(60, 3, 0)})
    save_asset(tmp_path / "body.safetensors", asset, HEADER)
    assert load_asset(tmp_path / "body.safetensors")[1].posedirs.shape == (60, 3, 0)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("v_template", torch.zeros(60, 2), "v_template has the shape"),
        ("v_template", torch.full((60, 3), torch.nan), "not finite"),
        ("v_template", torch.zeros(()), "v_template has the shape"),
        ("shapedirs", torch.zeros(60, 3, 0), "shapedirs has the shape"),
        ("posedirs", torch.zeros(60, 3, 206), "207"),
        ("J_regressor", torch.zeros(24, 59), "J_regressor has the shape"),
        ("J_regressor", torch.zeros(24, 60), "J_regressor sum to one"),
        ("parents", torch.zeros(24, dtype=torch.int64), "no tree"),
        ("parents", torch.tensor([-1, *range(1, 24)]), "no tree"),
        ("parents", torch.zeros(24), "type"),
        ("lbs_weights", torch.full((60, 24), 0.5), "sum to one"),
        ("lbs_weights", torch.eye(60, 24) * -1 + torch.eye(60, 24).roll(1, 1) * 2, "sum|negative"),
        ("faces", torch.tensor([[0, 1, 60]]), "outside 0 to 59"),
        ("faces", torch.tensor([[0, -1, 5]]), "outside 0 to 59"),
        ("faces", torch.zeros(0, 3, dtype=torch.int64), "faces has the shape"),
    ],
)
def test_what_is_no_body_is_refused(
    tensors: dict[str, Tensor], name: str, value: Tensor, message: str
) -> None:
    with pytest.raises(AssetError, match=message):
        SmplAsset.from_tensors({**tensors, name: value})


def test_a_missing_and_an_unknown_tensor_are_named(tensors: dict[str, Tensor]) -> None:
    del tensors["faces"]
    tensors["wings"] = torch.zeros(1)
    with pytest.raises(AssetError, match=r"\['faces', 'wings'\]"):
        SmplAsset.from_tensors(tensors)


def test_a_file_that_holds_no_body_is_a_bad_checkpoint(
    tmp_path: Path, tensors: dict[str, Tensor]
) -> None:
    path = tmp_path / "body.safetensors"
    header = dataclasses.replace(HEADER, architecture="smpl-body")
    save_checkpoint(path, {**tensors, "lbs_weights": torch.zeros(60, 24)}, header)
    with pytest.raises(CheckpointError, match=r"body\.safetensors holds no body"):
        load_asset(path)
