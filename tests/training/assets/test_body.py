from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.body.asset import load_asset, save_asset
from model.body.smpl import Smpl
from model.checkpoint import CheckpointHeader, TrainingPart
from training.__main__ import main
from training.assets import body
from training.assets.body import build_body_asset
from training.assets.body_card import render_card

NUM_VERTICES = 80


class FewVertices:
    """Bodies of 80 vertices: a mean, a height and twelve other ways to differ."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.template = torch.rand(NUM_VERTICES, 3, generator=generator)
        self.template[:, 1] = torch.linspace(-0.9, 0.8, NUM_VERTICES)
        self.shapes = 0.004 * torch.randn(13, NUM_VERTICES, 3, generator=generator)
        self.shapes[0] = torch.tensor([0.0, 0.06, 0.0]) * self.template
        self.faces = torch.randint(NUM_VERTICES, (20, 3), generator=generator)
        self.lbs_weights = torch.rand(NUM_VERTICES, 24, generator=generator).softmax(1)
        self.regressor = torch.rand(24, NUM_VERTICES, generator=generator).softmax(1)

    def sample_phenotypes(self, num: int, generator: torch.Generator) -> dict[str, Tensor]:
        return {"amounts": torch.randn(num, 13, generator=generator)}

    def rest(self, phenotypes: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        vertices = self.template + torch.einsum("bk,kvi->bvi", phenotypes["amounts"], self.shapes)
        return vertices, self.regressor @ vertices


def test_an_asset_is_learnt_and_measured_on_others() -> None:
    asset, metrics = build_body_asset(FewVertices(), 200, 50, seed=0)
    assert asset.shapedirs.shape == (NUM_VERTICES, 3, 10)
    assert asset.posedirs.shape == (NUM_VERTICES, 3, 0)
    # Ten betas cannot hold thirteen ways to differ.
    assert 1 < metrics["shape_error_mm"]["mean"] < 30
    assert metrics["joint_error_mm"]["mean"] < 1
    assert len(metrics["explained_variance"]) == 10
    assert 0.5 < metrics["explained_variance"][-1] < 1


def test_the_measured_shape_error_is_that_of_the_saved_asset() -> None:
    source = FewVertices()
    asset, metrics = build_body_asset(source, 200, 50, seed=5)
    generator = torch.Generator().manual_seed(5)
    people = source.sample_phenotypes(250, generator)
    vertices, joints = source.rest({"amounts": people["amounts"][200:]})
    basis = asset.shapedirs.flatten(end_dim=1).double()
    offsets = (vertices - asset.v_template).flatten(start_dim=1).double()
    betas = torch.linalg.lstsq(basis, offsets.T).solution.T
    shaped = Smpl(asset).double().shape(betas)
    error = (shaped.vertices - vertices).norm(dim=-1).mean() * 1000
    assert metrics["shape_error_mm"]["mean"] == pytest.approx(error.item(), rel=1e-2)
    error = (shaped.joints - joints).norm(dim=-1).mean() * 1000
    assert metrics["joint_error_mm"]["mean_after_betas"] == pytest.approx(error.item(), rel=1e-2)


def test_height_ranges_are_those_of_the_asset() -> None:
    asset, metrics = build_body_asset(FewVertices(), 200, 50, seed=0)
    smpl = Smpl(asset)
    for beta, (low, high) in enumerate(metrics["height_m"]["beta_from_minus_3_to_3"]):
        betas = torch.zeros(2, 10)
        betas[:, beta] = torch.tensor([-3.0, 3.0])
        up = smpl.shape(betas).vertices[..., 1].numpy()
        np.testing.assert_allclose(np.ptp(up, axis=1), [low, high], atol=1e-3)
    low, high = metrics["height_m"]["beta_from_minus_3_to_3"][0]
    assert low < high


def test_the_same_seed_makes_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    header = CheckpointHeader("", {}, (TrainingPart({}, "", "", 0),), {}, "")
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        asset, _ = build_body_asset(FewVertices(), 100, 10, seed)
        save_asset(tmp_path / name, asset, header)
    files = [(tmp_path / name).read_bytes() for name in ("a", "b", "c")]
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_the_command_writes_asset_and_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(body, "AnnyBody", FewVertices)
    out = tmp_path / "body.safetensors"
    arguments = ["assets", "body", "--out", str(out), "--num-bodies", "60", "--num-held-out", "9"]
    assert main(arguments) == 0
    header, asset = load_asset(out)
    card = out.with_suffix(".md").read_text()
    assert card == render_card(header, asset, out.name)
    assert f"{header.metrics['shape_error_mm']['mean']:.2f} mm" in card
    assert card in capsys.readouterr().out


@pytest.mark.parametrize("option", [("--num-bodies", "10"), ("--num-held-out", "0")])
def test_too_few_people_are_wrong_usage(
    option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["assets", "body", *option])
    assert exit.value.code == 2
    assert "at least" in capsys.readouterr().err
