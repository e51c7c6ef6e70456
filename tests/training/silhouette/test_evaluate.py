import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from model.checkpoint import CheckpointHeader
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import (
    SilhouetteConfidence,
    SilhouettePredictor,
    save_silhouette_checkpoint,
)
from training.__main__ import main
from training.silhouette.heldout import FolderPeople, SyntheticPeople, SyntheticSettings
from training.silhouette.measure import measure, rendered_score
from training.silhouette.scores import RenderedScore
from training.silhouette.shards import Rows


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "silhouette.safetensors", seed=0)


def write_checkpoint(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    network = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    # Around the middle of [0, 1], so that little of the map is clipped.
    with torch.no_grad():
        network.get_parameter("outputs.0.bias").fill_(0.5)
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
    save_silhouette_checkpoint(path, network, 32, header)
    return path


@pytest.fixture
def arguments(checkpoint: Path, shader_folder: Path, ccp_folder: Path) -> list[str]:
    """On all of both folders."""
    data = ["--data", str(shader_folder), "--all-subjects", "--ccp", str(ccp_folder)]
    return ["evaluate", "silhouette", "--checkpoint", str(checkpoint), *data]


class BrightIsBody:
    """Says that what is bright is body; remembers how many pictures it was given at a time."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        self.batches.append(len(images))
        return [SilhouetteConfidence((i.mean(-1) / 255).astype(np.float32)) for i in images]


def num_lines(folder: Path, kind: str) -> int:
    return sum(path.read_text().count("\n") for path in folder.glob(f"rows/*/{kind}.*.jsonl"))


def test_recorded_numbers_are_in_the_header_and_on_the_card(
    checkpoint: Path, arguments: list[str], tmp_path: Path
) -> None:
    before = SilhouettePredictor.from_checkpoint(checkpoint)
    arguments += ["--json", str(tmp_path / "report.json"), "--limit", "6"]
    (tmp_path / "silhouette_comparison.md").write_text("| a network | 0.123 |\n")
    assert main([*arguments, "--record", "By hand."]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    after = SilhouettePredictor.from_checkpoint(checkpoint)
    assert after.header is not None
    assert before.header is not None
    assert report.pop("checkpoint") == "silhouette.safetensors"
    assert after.header.metrics == report | {"step": 12}
    assert after.header.sha256 == before.header.sha256
    card = checkpoint.with_suffix(".md").read_text()
    for number in (
        report["rendered"]["network"]["overlap"],
        report["rendered"]["network"]["band_error"],
        report["cloth_ratio"],
        report["calibration"]["picture"]["ece"],
        report["photos"]["median_skin"],
        report["photos"]["garment_edge_lower"],
        *(row["cloth_ratio"] for row in report["by_looseness"]),
    ):
        assert f"{number:.3f}" in card
    assert f"standard error over people of {report['overlap_standard_error']:.4f}" in card
    assert "0123456789ab`, best of the run at step 12" in card
    assert "By hand." in card
    assert "### Beside other networks" in card
    assert "\n| a network | 0.123 |\n" in card
    assert "\n    python -m training fit silhouette some/recipe.toml\n" in card
    assert f"\n    python -m training {' '.join(arguments[:2] + arguments[4:6])}" in card
    assert '\n    data.pairs = ["some/pairs"]\n' in card
    picture = tmp_path / "silhouette_worst.jpg"
    assert "](silhouette_worst.jpg)" in card
    assert picture.stat().st_size <= 400_000
    with Image.open(picture) as sheet:
        assert sheet.format == "JPEG"


def test_the_card_of_a_mean_names_the_runs_that_it_is_of(
    checkpoint: Path, arguments: list[str]
) -> None:
    one, other = str(checkpoint), str(checkpoint)
    average = ["average", "silhouette", one, other, "--out", str(checkpoint)]
    assert main(average) == 0
    assert main([*arguments, "--limit", "6", "--record", "By hand."]) == 0
    made = checkpoint.with_suffix(".md").read_text().split("## Measured")[0]
    assert f"\n    python -m training {' '.join(average)}\n" in made
    assert "mean of those of 2 checkpoints" in made
    assert made.count("    python -m training fit silhouette some/recipe.toml\n") == 2
    assert "best of the run at step 12" in made


def test_the_folder_holds_the_numbers_a_row_for_each_picture_and_figures(
    arguments: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert main([*arguments, "--out", str(out)]) == 0
    report = json.loads((out / "report.json").read_text())
    with (out / "rendered.csv").open() as file:
        rendered = list(csv.DictReader(file))
    with (out / "photos.csv").open() as file:
        photos = list(csv.DictReader(file))
    assert len(rendered) == report["rendered_pictures"] == 16
    assert len(photos) == report["photos"]["photos"]
    overlaps = [float(row["overlap"]) for row in rendered]
    assert np.mean(overlaps) == pytest.approx(report["rendered"]["network"]["overlap"], rel=1e-5)
    people: dict[str, list[float]] = {row["subject"]: [] for row in rendered}
    for row, overlap in zip(rendered, overlaps, strict=True):
        people[row["subject"]].append(overlap)
    assert {len(pictures) for pictures in people.values()} == {16 // len(people)}
    error = np.std([np.mean(o) for o in people.values()], ddof=1) / len(people) ** 0.5
    assert report["overlap_standard_error"] == pytest.approx(error, rel=1e-4)
    assert {row["view"] for row in rendered} == {"front"}
    assert rendered[0]["subject"].endswith("shader/femaleBatch001/0000")
    assert rendered[1]["frame"] == "1"
    assert sum(row["pictures"] for row in report["by_looseness"]) == 16
    assert np.median([float(row["skin"]) for row in photos]) == pytest.approx(
        report["photos"]["median_skin"], rel=1e-5
    )
    assert photos[0]["photo"].startswith("ccp/")
    for stem in ("worst_rendered", "worst_photos", "reliability", "breakdown"):
        with Image.open(out / f"{stem}.png") as figure:
            assert min(figure.size) > 100


def test_parts_join_into_what_one_run_finds_and_nothing_is_measured_twice(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main([*arguments, "--out", str(whole)]) == 0
    for number in (1, 2, 3):
        assert main([*arguments, "--out", str(parts), "--shard", f"{number}/3"]) == 0
    assert f"part 3 of 3 is in {parts}" in capsys.readouterr().out
    assert not (parts / "report.json").exists()
    assert num_lines(parts, "rendered") == 16
    assert main([*arguments, "--out", str(parts)]) == 0
    assert num_lines(parts, "rendered") == 16
    assert num_lines(parts, "photos") == num_lines(whole, "photos")
    one, other = (json.loads((folder / "report.json").read_text()) for folder in (whole, parts))
    assert_close(one, other)


def assert_close(one: Any, other: Any) -> None:
    """Batches of other sizes may round differently."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_close(one[key], other[key])
    elif isinstance(one, list):
        for first, second in zip(one, other, strict=True):
            assert_close(first, second)
    elif isinstance(one, float):
        assert other == pytest.approx(one, abs=1e-4)
    elif isinstance(one, int):
        assert other == pytest.approx(one, abs=3)
    else:
        assert one == other


def test_rows_of_another_checkpoint_are_not_used(
    checkpoint: Path, ccp_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ["evaluate", "silhouette", "--checkpoint", str(checkpoint), "--out", str(out)]
    arguments += ["--ccp", str(ccp_folder), "--limit", "2"]
    assert main(arguments) == 0
    first = json.loads((out / "report.json").read_text())
    write_checkpoint(checkpoint, seed=1)
    assert main(arguments) == 0
    assert num_lines(out, "photos") == 4
    assert json.loads((out / "report.json").read_text())["photos"] != first["photos"]


def test_a_run_goes_on_after_the_last_whole_row_in_batches(
    shader_folder: Path, tmp_path: Path
) -> None:
    people = FolderPeople([shader_folder], fraction=1.0)
    predictor = BrightIsBody()
    indices = list(range(10))
    for chosen in (indices[:3], indices):
        rows = Rows(tmp_path / "rows", "rendered")
        measure(predictor, people, chosen, rendered_score, rows, 4, "people")
    assert predictor.batches == [3, 4, 3]
    scores = []
    for index in indices:
        content = rows.get(people.key(index), people.stamp(index))
        assert content is not None
        scores.append(RenderedScore.from_json(content))
    for index in (0, 9):
        picture = people[index]
        wanted = np.abs(picture.image.mean(-1) / 255 - picture.naked)
        outside = ~picture.dressed
        assert scores[index].pixels.picture == picture.naked.size
        assert scores[index].network.picture >= wanted[outside].sum()
        assert picture.azimuth_deg == 0


def test_a_picture_that_was_replaced_is_measured_again(shader_folder: Path, tmp_path: Path) -> None:
    people = FolderPeople([shader_folder], fraction=1.0)
    rows, predictor = Rows(tmp_path / "rows", "rendered"), BrightIsBody()
    measure(predictor, people, [0, 1], rendered_score, rows, 4, "people")
    path = shader_folder / "femaleBatch001" / "0000" / "dressed" / "Image0000.png"
    with Image.open(path) as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    measure(predictor, people, [0, 1], rendered_score, rows, 4, "people")
    assert predictor.batches == [2, 1]


def test_people_rendered_when_needed_are_the_same_each_time_and_differ_by_seed() -> None:
    settings = SyntheticSettings(num_subjects=1, num_frames=2, size=32)
    one, again = SyntheticPeople(settings), SyntheticPeople(settings)
    assert len(one) == 2
    assert one.stamp(0) == again.stamp(1)
    np.testing.assert_array_equal(one[1].image, again[1].image)
    np.testing.assert_array_equal(one[1].naked, again[1].naked)
    other = SyntheticPeople(SyntheticSettings(num_subjects=1, num_frames=2, size=32, seed=5))
    assert other.key(1) != one.key(1)
    assert not np.array_equal(one[1].image, other[1].image)
    azimuth = one[1].azimuth_deg
    assert azimuth is not None
    assert 0 <= azimuth <= 180


def test_people_can_be_rendered_instead_of_read(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--data", "synthetic", "--subjects", "1", "--frames", "2", "--size", "32"]
    options += ["--json", str(tmp_path / "report.json")]
    assert main(["evaluate", "silhouette", "--checkpoint", str(checkpoint), *options]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["rendered_pictures"] == 2
    assert sum(row["pictures"] for row in report["by_view"]) == 2
    assert "2 rendered pictures of held-out people" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "nothing to measure on"),
        (["--data", "x", "--record", "By hand."], "needs both --data and --ccp"),
        (["--data", "x", "--shard", "1/2"], "--shard needs --out"),
        (["--data", "x", "--shard", "1/2", "--out", "y", "--json", "z"], "need the whole"),
        (["--data", "x", "synthetic"], "not both"),
        (["--data", "x", "--seed", "3"], "--seed go with --data synthetic only"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    checkpoint: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = checkpoint.read_bytes()
    assert main(["evaluate", "silhouette", "--checkpoint", str(checkpoint), *options]) == 1
    assert message in capsys.readouterr().err
    assert checkpoint.read_bytes() == before
    assert not checkpoint.with_suffix(".md").exists()
