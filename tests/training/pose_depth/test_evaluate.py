"""`evaluate`, `compare` and `figures` of pose depth on a few small sequences."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from model.checkpoint import load_header
from model.pose_depth.predictor import DepthRefiner
from tests.training.pose_depth.conftest import REST, person
from training.__main__ import main
from training.pose_depth.drawing import COLOURS, SPAN_M, TRUTH, stick_figures
from training.pose_depth.metrics import frame_scores
from training.pose_depth.pose2sim import read_camera_sequences
from training.pose_depth.report import set_report, tables
from training.pose_depth.scoring import BEFORE, CONSTANT, SEQUENCE, SINGLE, TORSO, score_sequences

RECIPES = Path(__file__).parents[3] / "training" / "recipes" / "pose_depth"
SMALL = ["network.width=16", "network.num_heads=2", "network.num_blocks=1", "max_frames=4"]


@pytest.fixture
def real_folder(tmp_path: Path) -> Path:
    """Two cameras that look along z from 4 m, the second turned by a right angle; two frames."""
    root = tmp_path / "real"
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 0.4, (2, 33, 3))
    truth[0, 15] = np.nan
    turned = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    rotations = np.stack([np.eye(3), turned])
    seen = np.einsum("cij,fnj->fcni", rotations, truth) + np.array([0, 0, 4])
    for camera in (1, 2):
        (root / f"cam{camera:02d}").mkdir(parents=True)
        for name in ("0000", "0002"):
            Image.new("RGB", (40, 60)).save(root / f"cam{camera:02d}" / f"{name}.jpg")
    world = np.nan_to_num(seen) + rng.normal(0, 0.05, seen.shape)
    pixels = np.nan_to_num(500 * seen[..., :2] / seen[..., 2:])
    np.savez(
        root / "truth.npz",
        frames=np.array(["0000.jpg", "0002.jpg"]),
        truth=truth,
        R=rotations,
        t=np.tile([0.0, 0, 4], (2, 1)),
        landmarks=np.concatenate([pixels, np.zeros((2, 2, 33, 1))], -1),
        visibility=np.ones((2, 2, 33)),
        world=world,
    )
    return root


@pytest.fixture
def checkpoint(pair_folder: Path, tmp_path: Path) -> Path:
    out = tmp_path / "run"
    stages = "stages=[{image_size=0, steps=2, batch_size=2}]"
    command = ["fit", "pose_depth", "--recipe", str(RECIPES / "smoke.toml"), "--out", str(out)]
    assert main([*command, "--pairs", str(pair_folder), "--set", *SMALL, stages]) == 0
    return out / "pose_depth.safetensors"


def test_poses_of_the_real_person_are_in_the_axes_of_each_camera(real_folder: Path) -> None:
    first, second = read_camera_sequences(real_folder)
    with np.load(real_folder / "truth.npz") as file:
        truth = file["truth"]
    hips = truth[:, [23, 24]].mean(1)
    np.testing.assert_allclose(first.ground_truth[:, 0], truth[:, 0] - hips, atol=1e-5)
    across = (truth[:, 0] - hips)[:, [2, 1, 0]] * [1, 1, -1]
    np.testing.assert_allclose(second.ground_truth[:, 0], across, atol=1e-5)
    assert np.isnan(first.ground_truth[0, 9]).all(), "the left wrist is not known"
    np.testing.assert_allclose(first.camera_relative, -hips - np.array([0, 0, 4]), atol=1e-5)
    np.testing.assert_allclose(first.seconds, [0, 2 / 60])


def test_scores_are_those_of_each_maker(tiny_pose_depth: DepthRefiner) -> None:
    rng = np.random.default_rng(0)
    sequences = [person(rng, 5), person(rng, 2, "07_01_s000001")]
    scored = score_sequences(tiny_pose_depth, sequences)
    report = set_report(scored)
    assert report["frames"] == 7
    depth = np.concatenate([frame_scores(p.corrupted, p.ground_truth).depth for p in sequences])
    before = report["scores"][BEFORE]["depth"]
    assert before["mean"] == pytest.approx(depth.mean())
    assert before["standard_error"] > 0
    refined = [
        tiny_pose_depth.refine(p.corrupted, p.visibility, p.pose_2d).joints for p in sequences
    ]
    errors = [
        frame_scores(r, p.ground_truth).mpjpe for r, p in zip(refined, sequences, strict=True)
    ]
    single = report["scores"][SINGLE]["mpjpe"]["mean"]
    assert single == pytest.approx(np.concatenate(errors).mean(), rel=1e-4)
    assert report["scores"][SEQUENCE]["depth"]["mean"] != report["scores"][SINGLE]["depth"]["mean"]
    assert sum(row["frames"] for row in report["by_azimuth"]) == 7
    # The torso of a pose with small errors says more than the best constant.
    assert report["view"][TORSO]["azimuth_deg"]["mean"] < 30
    assert report["view"][CONSTANT]["azimuth_deg"]["mean"] > 0
    assert {"rendered", "rendered_view"} <= tables({"rendered": report}).keys()


def test_the_command_measures_records_and_writes_the_card(
    checkpoint: Path, pair_folder: Path, real_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "measured"
    command = ["evaluate", "pose_depth", "--checkpoint", str(checkpoint)]
    command += ["--pairs", str(pair_folder), "--pose2sim", str(real_folder)]
    assert main([*command, "--out", str(out), "--record", "--note", "Small."]) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["rendered"]["sequences"] == 3
    assert [row["sequence"] for row in report["real"]["by_sequence"]] == ["cam01", "cam02"]
    assert (out / "error_by_azimuth.png").stat().st_size > 1000
    metrics = load_header(checkpoint).metrics
    assert metrics["real"]["scores"][BEFORE]["depth"] == report["real"]["scores"][BEFORE]["depth"]
    card = checkpoint.with_suffix(".md").read_text()
    assert "Small." in card
    assert "Not measured." not in card
    assert str(tmp_path) not in card.replace(str(checkpoint), "")
    assert checkpoint.with_name("pose_depth_worst.jpg").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "nothing to measure on"),
        (["--pairs", "x", "--record"], "--record needs both"),
        (["--pairs", "x", "--pose2sim", "y", "--record", "--split", "validation"], "--split test"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    checkpoint: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert main(["evaluate", "pose_depth", "--checkpoint", str(checkpoint), *options]) == 1
    assert words in capsys.readouterr().err


def test_a_comparison_has_a_row_for_each_network_and_does_nothing_twice(
    pair_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipes = []
    for name, body in (
        ("small", ""),
        (
            "depth",
            "[reference]\nwidth = 16\nnum_layers = 1\nnum_heads = 2\nfeedforward = 16\n"
            "camera_width = 16\n",
        ),
    ):
        text = (
            "max_frames = 4\n[network]\nwidth = 16\nnum_heads = 2\nnum_blocks = 1\n"
            f"{body}[routine]\nnum_workers = 0\n"
            "[[stages]]\nimage_size = 0\nsteps = 5\nbatch_size = 2\n"
        )
        recipes.append(tmp_path / f"{name}.toml")
        recipes[-1].write_text(text)
    out = tmp_path / "comparison"
    command = ["compare", "pose_depth", "--recipe", *map(str, recipes), "--seeds", "0", "1"]
    command += ["--steps", "2", "--pairs", str(pair_folder), "--out", str(out)]
    assert main(command) == 0
    text = (out / "comparison.md").read_text()
    assert text == capsys.readouterr().out.rpartition("\r")[2][-len(text) :]
    runs = pd.read_csv(out / "runs.csv")
    assert runs.network.tolist() == ["small", "small", "depth", "depth"]
    assert runs.seed.tolist() == [0, 1, 0, 1]
    assert "2 steps of 2 |" in text
    assert f"| {BEFORE} |" in text
    states = sorted(out.glob("*/last.safetensors"))
    times = [path.stat().st_mtime_ns for path in states]
    assert main(command) == 0
    assert [path.stat().st_mtime_ns for path in states] == times


def test_figures_show_poses_before_and_after(
    checkpoint: Path, pair_folder: Path, real_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "figures"
    command = ["figures", "pose_depth", "--checkpoint", str(checkpoint), "--out", str(out)]
    assert main([*command, "--pose2sim", str(real_folder), "--pairs", str(pair_folder)]) == 0
    names = {path.name for path in out.iterdir()}
    stills = {"before_after.png", "bone_lengths.png", "error_by_azimuth.png"}
    assert names == stills | {"refined.webp"}
    with Image.open(out / "refined.webp") as video:
        assert getattr(video, "n_frames", 1) == 2
    assert main([*command, "--pairs", str(pair_folder), "--frame", "99"]) == 1


def test_a_stick_figure_is_drawn_where_the_joints_are() -> None:
    picture = stick_figures({TRUTH: REST}, "camera", 240)
    middle = REST[[5, 7]].mean(0)  # of the left upper arm
    row, column = (int(240 * (middle[axis] / SPAN_M + 0.5)) for axis in (1, 0))
    patch = picture[row - 2 : row + 3, column - 2 : column + 3].reshape(-1, 3)
    assert (patch == COLOURS[TRUTH]).all(-1).any()
    aside = stick_figures({TRUTH: REST}, "side", 240)
    assert (aside != 255).any()
    assert not np.array_equal(aside, picture)
