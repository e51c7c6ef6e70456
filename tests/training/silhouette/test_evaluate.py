import json
from pathlib import Path

import pytest
import torch

from model.checkpoint import CheckpointHeader
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import SilhouettePredictor, save_silhouette_checkpoint
from training.__main__ import main


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    header = CheckpointHeader(
        architecture="",
        config={},
        trained_on="nothing at all",
        metrics={"step": 12},
        recipe={
            "data": {"pairs": ["some/pairs"], "photos": "some/photos"},
            "command": "python -m training fit silhouette some/recipe.toml",
        },
        commit="0123456789abcdef",
        licence="Apache-2.0",
    )
    path = tmp_path / "silhouette.safetensors"
    save_silhouette_checkpoint(path, network, 32, header)
    return path


def test_recorded_numbers_are_in_the_header_and_on_the_card(
    checkpoint: Path, shader_folder: Path, ccp_folder: Path, tmp_path: Path
) -> None:
    before = SilhouettePredictor.from_checkpoint(checkpoint)
    arguments = ["--checkpoint", str(checkpoint), "--data", str(shader_folder), "--all-subjects"]
    arguments += ["--ccp", str(ccp_folder), "--json", str(tmp_path / "report.json")]
    assert main(["evaluate", "silhouette", *arguments, "--record", "By hand."]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    after = SilhouettePredictor.from_checkpoint(checkpoint)
    assert after.header is not None
    assert before.header is not None
    assert after.header.metrics == {
        "rendered": report["rendered"],
        "rendered_pictures": report["rendered_pictures"],
        "photos": report["photos"],
        "step": 12,
    }
    assert after.header.sha256 == before.header.sha256
    card = checkpoint.with_suffix(".md").read_text()
    assert f"{report['rendered']['network']['overlap']:.3f}" in card
    assert f"{report['photos']['median_skin']:.3f}" in card
    assert "0123456789ab`, best of the run at step 12" in card
    assert "By hand." in card
    assert "\n    python -m training fit silhouette some/recipe.toml\n" in card


def test_half_a_report_is_not_recorded(
    checkpoint: Path, shader_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = checkpoint.read_bytes()
    arguments = ["--checkpoint", str(checkpoint), "--data", str(shader_folder), "--all-subjects"]
    assert main(["evaluate", "silhouette", *arguments, "--record", "By hand."]) == 1
    assert "needs both --data and --ccp" in capsys.readouterr().err
    assert checkpoint.read_bytes() == before
    assert not checkpoint.with_suffix(".md").exists()


def test_there_must_be_something_to_measure_on(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "silhouette", "--checkpoint", str(checkpoint)]) == 1
    assert "nothing to measure on" in capsys.readouterr().err
