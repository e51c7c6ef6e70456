import json
from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import load_header
from model.synthesis.person import load_person
from model.synthesis.skeletons import Skeletons
from training.__main__ import main
from training.synthesis.frames import load_frames
from training.synthesis.metrics import MEAN_PICTURE, NEAREST_26, baselines, score_frames


@pytest.fixture(scope="module")
def trained(frames_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint after two steps."""
    run = tmp_path_factory.mktemp("runs") / "run"
    changes = ["stages=[{image_size=32,steps=2,batch_size=2}]", "network.image_size=32"]
    changes += ["network.widths=[8,16]", "discriminator.widths=[8]", "routine.judge_every=1"]
    command = ["fit", "synthesis", "--frames", str(frames_folder), "--out", str(run)]
    command += ["--licence", "CC0-1.0", "--device", "cpu", "--set", *changes]
    assert main(command) == 0
    return run / "synthesis.safetensors"


@pytest.fixture
def joined(trained: Path, frames_folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "synthesis.safetensors"
    command = ["join", "synthesis", "--checkpoint", str(trained), "--frames", str(frames_folder)]
    assert main([*command, "--size", "32", "--out", str(path)]) == 0
    return path


def test_the_nearest_frames_join_a_checkpoint_and_are_none_of_the_test_split(
    joined: Path, frames_folder: Path
) -> None:
    header, person = load_person(joined)
    assert person.methods == ("nearest", "conditional")
    assert [part.steps > 0 for part in header.lineage] == [True, False]
    assert header.licence == "CC0-1.0"
    frames = load_frames(frames_folder, 32)
    assert person.nearest is not None
    num_known = len(frames) - len(frames.of_split("test"))
    np.testing.assert_array_equal(person.nearest.vectors, frames.skeletons.vectors_26()[:num_known])


def test_the_report_is_that_of_the_test_split(
    joined: Path, frames_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["evaluate", "synthesis", "--checkpoint", str(joined), "--device", "cpu"]
    command += ["--frames", str(frames_folder), "--poses", str(frames_folder)]
    assert main([*command, "--out", str(out)]) == 0
    report = json.loads((out / "report.json").read_text())
    frames = load_frames(frames_folder, 32)
    test = frames.of_split("test")
    asked = Skeletons(frames.skeletons.points[test])
    expected = baselines(frames, np.arange(len(frames) - len(test)), asked)
    held_out = report["held_out"]["32"]
    assert held_out["frames"] == len(test)
    for name in (MEAN_PICTURE, NEAREST_26):
        scores = score_frames(expected[name], frames.pictures[test]).means()
        assert held_out["methods"][name] == pytest.approx(scores)
    # The nearest frames of the checkpoint differ by their compression alone.
    nearest = held_out["methods"]["nearest"]["l1"]
    assert nearest == pytest.approx(held_out["methods"][NEAREST_26]["l1"], abs=0.02)
    assert report["poses"]["32"]["frames"] == len(frames)
    assert report["cost"]["conditional"]["giga_flops"] > 0
    assert (out / "worst.png").is_file()
    printed = capsys.readouterr().out
    assert "conditional, 32 px" in printed
    assert "poses of somebody else" in printed


def test_the_card_has_the_numbers_of_the_header(joined: Path, frames_folder: Path) -> None:
    command = ["evaluate", "synthesis", "--checkpoint", str(joined), "--device", "cpu"]
    assert main([*command, "--frames", str(frames_folder), "--record"]) == 0
    metrics = load_header(joined).metrics
    card = joined.with_suffix(".md").read_text()
    value = metrics["held_out"]["32"]["methods"]["conditional"]["ssim"]
    assert f"{value:.3f}" in card
    assert "anna" in card
    assert "Not measured." in card  # the poses of somebody else
    assert "{" not in card
    assert (joined.parent / "synthesis_worst.jpg").is_file()


def test_a_choice_is_not_recorded_as_a_result(
    joined: Path, frames_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "synthesis", "--checkpoint", str(joined)]
    command += ["--frames", str(frames_folder), "--split", "validation"]
    assert main([*command, "--record"]) == 1
    assert "--record needs --split test" in capsys.readouterr().err
    assert main(command) == 0
    assert "validation split" in capsys.readouterr().out


def test_checkpoints_that_do_not_belong_together_are_not_joined(
    joined: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["join", "synthesis", "--out", str(tmp_path / "x.safetensors")]
    assert main([*command, "--checkpoint", str(joined), str(trained)]) == 1
    assert "conditional is in several checkpoints" in capsys.readouterr().err
    assert main(command) == 1
    assert "nothing to join" in capsys.readouterr().err


def test_compare_trains_what_is_asked_for_and_puts_it_into_one_checkpoint(
    frames_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        """
method = "conditional"
device = "cpu"
[network]
image_size = 32
widths = [8, 16]
[optimisation]
precision = "fp32"
[routine]
num_workers = 0
[[stages]]
image_size = 32
steps = 2
batch_size = 2
"""
    )
    command = ["compare", "synthesis", "--recipe", str(recipe), "--frames", str(frames_folder)]
    command += ["--out", str(tmp_path / "all"), "--device", "cpu"]
    for _ in range(2):  # the second call only measures
        assert main(command) == 0
        assert "| conditional, 32 px |" in capsys.readouterr().out
    _, person = load_person(tmp_path / "all" / "synthesis.safetensors")
    assert person.methods == ("nearest", "conditional")
    assert (tmp_path / "all" / "conditional-0" / "run.json").is_file()
    assert main([*command[:3], str(recipe), *command[3:]]) == 1
    assert "second recipe of conditional" in capsys.readouterr().err
