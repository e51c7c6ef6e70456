import csv
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from model.checkpoint import (
    CheckpointHeader,
    TrainingPart,
    load_checkpoint,
    save_checkpoint,
)
from model.silhouette.architectures import ARCHITECTURES
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import (
    SilhouetteConfidence,
    SilhouettePredictor,
    save_silhouette_checkpoint,
)
from training.__main__ import main
from training.datasets.evaluation_pictures import (
    RenderedFolders,
    SyntheticPeople,
    SyntheticSettings,
)
from training.reporting.partial_results import PartialResults
from training.silhouette.evaluate import rendered_people


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
        "",
        {},
        (
            TrainingPart(
                {
                    "data": {"pairs": ["some/pairs"], "photos": "some/photos"},
                    "command": "python -m training fit silhouette --recipe some/recipe.toml",
                },
                "0123456789abcdef",
                "nothing at all",
                12,
            ),
        ),
        {},
        "Apache-2.0",
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
    assert main([*arguments, "--record", "--note", "Looked at before."]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    after = SilhouettePredictor.from_checkpoint(checkpoint)
    assert after.header is not None
    assert before.header is not None
    assert report.pop("checkpoint") == "silhouette.safetensors"
    assert after.header.metrics == report
    assert after.header.lineage == before.header.lineage
    assert after.header.sha256 == before.header.sha256
    card = checkpoint.with_suffix(".md").read_text()
    for name, value in report["rendered"]["network"].items():
        assert f"{value:.3f} ± {report['rendered_standard_errors'][name]:.3f}" in card
    for number in (
        report["photos"]["auroc"],
        report["cloth_ratio"],
        report["calibration"]["picture"]["ece"],
        report["photos"]["median_skin"],
        report["photos"]["garment_edge_lower"],
        *(row["cloth_ratio"] for row in report["by_looseness"]),
    ):
        assert f"{number:.3f}" in card
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "| `fit silhouette recipe` | 12 | nothing at all | 0123456 |" in card
    assert "\nLooked at before.\n" in card
    assert f"{report['cost']['giga_flops']:.2f} GFLOP" in card
    assert "### Photos with masks" in card
    assert "\nNot measured.\n" in card
    assert "{" not in card
    assert f"\n    python -m training {' '.join(arguments[:6])}" in card
    picture = tmp_path / "silhouette_worst.jpg"
    assert "](silhouette_worst.jpg)" in card
    assert picture.stat().st_size <= 400_000
    with Image.open(picture) as sheet:
        assert sheet.format == "JPEG"


def test_photos_with_masks_are_measured_and_on_the_card(
    checkpoint: Path, arguments: list[str], tmp_path: Path
) -> None:
    for name in ("photos", "masks"):
        (tmp_path / "people" / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in (1, 2):
        pixels = rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "people" / "photos" / f"{number}.jpg")
        mask = Image.new("L", (30, 40))
        mask.paste(255, (10, 10, 20, 35))
        mask.save(tmp_path / "people" / "masks" / f"{number}.png")
    arguments += ["--people", str(tmp_path / "people"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--record"]) == 0
    people = json.loads((tmp_path / "out" / "report.json").read_text())["people"]
    with (tmp_path / "out" / "people.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["key"] for row in rows] == ["people/1", "people/2"]
    assert people["network"]["iou"] == pytest.approx(np.mean([float(r["iou"]) for r in rows]), 1e-4)
    assert people["whole picture"]["iou"] == pytest.approx(250 / 1200)
    card = checkpoint.with_suffix(".md").read_text()
    assert "2 photos with masks of the person" in card
    assert "Not measured" not in card
    assert f"{people['network']['recall']:.3f} ± {people['standard_errors']['recall']:.3f}" in card


def test_the_card_of_a_mean_has_all_parts_of_the_training(
    checkpoint: Path, arguments: list[str]
) -> None:
    other = write_checkpoint(checkpoint.with_name("other.safetensors"), seed=1)
    average = ["average", "silhouette", "--checkpoint", str(checkpoint), str(other)]
    assert main([*average, "--out", str(checkpoint)]) == 0
    assert main([*arguments, "--limit", "6", "--record"]) == 0
    card = checkpoint.with_suffix(".md").read_text()
    assert card.count("| `fit silhouette recipe` | 12 |") == 1
    assert "| `average silhouette` | - | the mean of the weights of 2 checkpoints |" in card


def test_each_split_has_its_own_people_and_photos(
    checkpoint: Path, shader_folder: Path, ccp_folder: Path, tmp_path: Path
) -> None:
    found = {}
    for split in ("validation", "test"):
        out = tmp_path / split
        data = ["--data", str(shader_folder), "--ccp", str(ccp_folder)]
        command = ["evaluate", "silhouette", "--checkpoint", str(checkpoint), *data]
        header, tensors = load_checkpoint(checkpoint, *ARCHITECTURES)
        recipe = {"command": "", "data": {"validation_fraction": 1.0}}
        part = TrainingPart(recipe, "abc", "nothing", 3)
        save_checkpoint(checkpoint, tensors, dataclasses.replace(header, lineage=(part,)))
        assert main([*command, "--split", split, "--out", str(out)]) == 0
        assert json.loads((out / "report.json").read_text())["split"] == split
        keys = []
        for stem in ("rendered", "photos"):
            with (out / f"{stem}.csv").open() as file:
                keys += [row["key"] for row in csv.DictReader(file)]
        found[split] = set(keys)
    assert not found["validation"] & found["test"]
    assert {"ccp/0038"} < found["validation"]
    assert {"ccp/0019"} < found["test"]
    # Eight subjects with two pictures, all of them held out.
    assert len(found["validation"] | found["test"]) == 16 + 2


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
    columns = {"iou_body": "iou_body_network", "iou_target": "iou_target_network"}
    for name, column in (columns | {"mae": "mae_picture"}).items():
        mean = np.mean([float(row[column]) for row in rendered])
        assert mean == pytest.approx(report["rendered"]["network"][name], rel=1e-5)
    people: dict[str, list[float]] = {row["key"].rpartition("/")[0]: [] for row in rendered}
    for row in rendered:
        people[row["key"].rpartition("/")[0]].append(float(row["iou_body_network"]))
    assert {len(pictures) for pictures in people.values()} == {16 // len(people)}
    error = np.std([np.mean(o) for o in people.values()], ddof=1) / len(people) ** 0.5
    assert report["rendered_standard_errors"]["iou_body"] == pytest.approx(error, rel=1e-4)
    assert report["rendered_people"] == len(people)
    assert {row["azimuth_deg"] for row in rendered} == {"0"}
    assert rendered[0]["key"].endswith("shader/femaleBatch001/0000/0")
    assert sum(row["pictures"] for row in report["by_looseness"]) == 16
    assert np.median([float(row["skin"]) for row in photos]) == pytest.approx(
        report["photos"]["median_skin"], rel=1e-5
    )
    assert photos[0]["key"].startswith("ccp/")
    for stem in ("worst_rendered", "worst_photos", "reliability", "errors_in_cloth"):
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
    assert num_lines(out, "photos") == 2
    assert json.loads((out / "report.json").read_text())["photos"] != first["photos"]


def test_a_run_goes_on_after_the_last_whole_row_in_batches(
    shader_folder: Path, tmp_path: Path
) -> None:
    people = RenderedFolders([shader_folder], None, "test")
    predictor = BrightIsBody()
    indices = list(range(10))
    for chosen in (indices[:3], indices):
        rows = PartialResults(tmp_path / "rows", "rendered")
        rendered_people(people).measure(predictor, chosen, rows, 4)
    assert predictor.batches == [3, 4, 3]
    scores = [one.score for one in rendered_people(people).scores(indices, rows)]
    for index in (0, 9):
        picture = people[index]
        wanted = np.abs(picture.image.mean(-1) / 255 - picture.naked)
        outside, pixels = ~picture.dressed, picture.naked.size
        assert scores[index].pixels.picture == pixels
        assert scores[index].mae.picture >= wanted[outside].sum() / pixels
        assert picture.azimuth_deg == 0


def test_a_picture_that_was_replaced_is_measured_again(shader_folder: Path, tmp_path: Path) -> None:
    people = RenderedFolders([shader_folder], None, "test")
    rows, predictor = PartialResults(tmp_path / "rows", "rendered"), BrightIsBody()
    rendered_people(people).measure(predictor, [0, 1], rows, 4)
    path = shader_folder / "femaleBatch001" / "0000" / "dressed" / "Image0000.png"
    with Image.open(path) as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    rendered_people(people).measure(predictor, [0, 1], rows, 4)
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
    bmi = one[1].bmi
    assert bmi is not None
    assert 16 <= bmi <= 45


def test_people_can_be_rendered_instead_of_read(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--data", "synthetic", "--subjects", "1", "--frames", "2", "--size", "32"]
    options += ["--json", str(tmp_path / "report.json")]
    assert main(["evaluate", "silhouette", "--checkpoint", str(checkpoint), *options]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["rendered_pictures"] == 2
    for bins in ("by_view", "by_build"):
        assert sum(row["pictures"] for row in report[bins]) == 2
    assert "2 pictures of 1 rendered people, test split" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "nothing to measure on"),
        (["--data", "x", "--record"], "needs both --data and --ccp"),
        (["--data", "x", "--ccp", "y", "--record", "--split", "validation"], "needs --split test"),
        (["--data", "x", "--shard", "1/2"], "--shard needs --out"),
        (["--data", "x", "--shard", "1/2", "--out", "y", "--json", "z"], "need the whole"),
        (["--data", "x", "synthetic"], "not both"),
        (["--data", "x", "--subjects", "3"], "--subjects go with --data synthetic only"),
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
