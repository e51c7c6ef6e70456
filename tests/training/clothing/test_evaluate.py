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
from torch import nn

from model.checkpoint import CheckpointHeader, TrainingPart
from model.clothing.labels import FINE, GROUP_OF, GROUPED, LABELS
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import (
    ClothingPredictor,
    ClothingSegmentation,
    save_clothing_checkpoint,
)
from training.__main__ import main
from training.clothing.data import groups_in
from training.clothing.evaluate import labelled_photos, training_labels
from training.clothing.report import clothing_report, missed_groups
from training.datasets.ccp import ClothingCoParsing
from training.datasets.evaluation_pictures import LabelledStreetPhotos
from training.datasets.splits import photo_split
from training.reporting.cost import network_cost
from training.reporting.partial_results import PartialResults
from training.reporting.scoring import Scored

SIDE = 64
HEADER = CheckpointHeader(
    "",
    {},
    (
        TrainingPart(
            {
                "weights": "package",
                "data": {"photos": "some/photos"},
                "command": "python -m training fit clothing --recipe some/recipe.toml",
            },
            "0123456789abcdef",
            "nothing at all",
            12,
        ),
    ),
    {},
    "Apache-2.0",
)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Weights drawn so large that several labels are found."""
    torch.manual_seed(0)
    network = ClothingNetwork(ClothingConfig(network="unet", widths=(8, 16)))
    with torch.no_grad():
        network.get_parameter("network.classify.weight").mul_(300)
        network.get_parameter("network.classify.bias").zero_()
    path = tmp_path / "clothing.safetensors"
    save_clothing_checkpoint(path, network, SIDE, HEADER)
    return path


@pytest.fixture
def dataset(clothing_folder: Path) -> ClothingCoParsing:
    return ClothingCoParsing.open(clothing_folder)


def measure(
    predictor: "EverythingIs", dataset: ClothingCoParsing, num_photos: int, batch_size: int
) -> list[Scored]:
    photos = labelled_photos(LabelledStreetPhotos(dataset, "training"), dataset)
    results, indices = PartialResults(None, "photos"), range(num_photos)
    photos.measure(predictor, indices, results, batch_size)
    return photos.scores(indices, results)


class EverythingIs:
    """Says everywhere what it was told; remembers how many pictures it was given at a time."""

    def __init__(self, label: str) -> None:
        self.label = LABELS.index(label)
        self.batches: list[int] = []

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[ClothingSegmentation]:
        self.batches.append(len(images))
        found = []
        for image in images:
            fine = np.full(image.shape[:2], self.label, np.uint8)
            score = np.ones(image.shape[:2], np.float32)
            found.append(ClothingSegmentation(fine, score, GROUP_OF[fine], score))
        return found


@pytest.mark.parametrize("split", ["validation", "test"])
def test_numbers_are_those_of_the_predictors_maps_on_the_splits_photos(
    checkpoint: Path, dataset: ClothingCoParsing, tmp_path: Path, split: str
) -> None:
    out = tmp_path / "out"
    command = ["evaluate", "clothing", "--checkpoint", str(checkpoint), "--ccp", str(dataset.root)]
    assert main([*command, "--out", str(out), "--split", split]) == 0
    report = json.loads((out / "report.json").read_text())
    numbers = [n for n in range(1, 41) if photo_split(n) == split]
    assert report["photos"] == len(numbers) == 1
    assert report["training_photos"] == 34
    predictor = ClothingPredictor.from_checkpoint(checkpoint)
    photos = [dataset.read(number) for number in numbers]
    found = [predictor.predict_batch([photo.image])[0] for photo in photos]
    truth = np.concatenate([photo.labels.ravel() for photo in photos])
    fine = np.concatenate([result.fine.ravel() for result in found])
    grouped = np.concatenate([result.grouped.ravel() for result in found])
    assert len(np.unique(fine)) > 2
    assert report["fine"]["network"]["pixel_accuracy"] == pytest.approx(
        (truth == fine).mean(), abs=1e-3
    )
    assert report["grouped"]["network"]["pixel_accuracy"] == pytest.approx(
        (GROUP_OF[truth] == grouped).mean(), abs=1e-3
    )
    assert report["fine"]["all null"]["pixel_accuracy"] == (truth == 0).mean()
    assert report["fine"]["network"]["num_labels"] == len(np.unique(truth))


def test_the_folder_holds_a_row_for_each_photo_and_label_and_figures(
    checkpoint: Path, dataset: ClothingCoParsing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["evaluate", "clothing", "--checkpoint", str(checkpoint), "--ccp", str(dataset.root)]
    assert main([*command, "--out", str(out), "--limit", "2"]) == 0
    rows: dict[str, list[dict[str, Any]]] = {}
    for stem in ("photos", "fine_labels", "grouped_labels"):
        with (out / f"{stem}.csv").open() as file:
            rows[stem] = list(csv.DictReader(file))
    assert [int(row["key"][4:]) for row in rows["photos"]] == list(dataset.numbers_of("test"))
    assert tuple(row["label"] for row in rows["fine_labels"]) == FINE.labels
    assert tuple(row["label"] for row in rows["grouped_labels"]) == GROUPED.labels
    assert rows["fine_labels"][LABELS.index("swimwear")]["iou"] == ""
    for stem in ("confusion_fine", "confusion_grouped", "worst_photos"):
        with Image.open(out / f"{stem}.png") as figure:
            assert min(figure.size) > 100
    printed = capsys.readouterr().out
    assert "1 photos, test split" in printed
    assert "million parameters" in printed
    assert not checkpoint.with_suffix(".md").exists()


def test_recorded_numbers_are_in_the_header_and_on_the_card(
    checkpoint: Path, dataset: ClothingCoParsing, tmp_path: Path
) -> None:
    before = ClothingPredictor.from_checkpoint(checkpoint)
    out = tmp_path / "out"
    command = ["evaluate", "clothing", "--checkpoint", str(checkpoint), "--ccp", str(dataset.root)]
    assert main([*command, "--out", str(out), "--record", "--note", "Looked at before."]) == 0
    report = json.loads((out / "report.json").read_text())
    after = ClothingPredictor.from_checkpoint(checkpoint)
    assert before.header is not None
    assert after.header is not None
    assert after.header.sha256 == before.header.sha256
    kept = {
        key: value for key, value in report.items() if not key.endswith(("checkpoint", "labels"))
    }
    assert after.header.metrics == kept
    assert after.header.lineage == before.header.lineage
    card = checkpoint.with_suffix(".md").read_text()
    for scheme in ("fine", "grouped"):
        for summary in (report[scheme]["network"], report[scheme]["all null"]):
            for key in ("pixel_accuracy", "foreground_accuracy", "mean_iou", "label_f1"):
                assert f"{summary[key]:.3f}" in card
    for row in report["grouped_labels"]:
        assert (f"\n| {row['label']} |" in card) == bool(row["photos"] or row["training_photos"])
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "| `fit clothing recipe` | 12 | nothing at all | 0123456 |" in card
    assert "\nLooked at before.\n" in card
    assert f"\n    python -m training {' '.join(command)}\n" in card
    assert "](clothing_worst.jpg)" in card
    picture = tmp_path / "clothing_worst.jpg"
    assert picture.stat().st_size <= 400_000
    with Image.open(picture) as sheet:
        assert sheet.format == "JPEG"


def test_photos_are_given_in_batches_and_scored_one_by_one(dataset: ClothingCoParsing) -> None:
    predictor = EverythingIs("skin")
    photos = measure(predictor, dataset, 5, batch_size=2)
    assert predictor.batches == [2, 2, 1]
    assert [int(photo.key[4:]) for photo in photos] == list(dataset.numbers_of("training")[:5])
    skin = LABELS.index("skin")
    for photo in photos:
        labels = dataset.read(int(photo.key[4:])).labels
        assert photo.score.fine.pixel_accuracy() == (labels == skin).mean()
        assert photo.score.grouped.predicted_pixels[GROUPED.labels.index("skin")] == labels.size


def test_photos_to_learn_from_are_counted_once_a_label(dataset: ClothingCoParsing) -> None:
    found = training_labels(dataset)
    labels = [
        set(np.unique(dataset.read(n).labels).tolist()) for n in dataset.numbers_of("training")
    ]
    assert len(found) == len(labels)
    assert (found > 0).sum(0).tolist() == [
        sum(n in there for there in labels) for n in range(len(FINE))
    ]
    groups = [{int(GROUP_OF[label]) for label in there} for there in labels]
    assert groups_in(found).sum(0).tolist() == [
        sum(n in g for g in groups) for n in range(len(GROUPED))
    ]


def test_missed_groups_are_named(
    dataset: ClothingCoParsing,
) -> None:
    numbers = dataset.numbers_of("training")[:12]
    photos = measure(EverythingIs("dress"), dataset, 12, batch_size=4)
    training = training_labels(dataset)
    report = clothing_report(photos, training)
    # There are under fifty photos.
    assert missed_groups(report) == ""
    often = np.ones((50, len(LABELS)), np.int64)
    missed = missed_groups(clothing_report(photos, often)).split(", ")
    worn = {GROUPED.labels[g] for n in numbers for g in GROUP_OF[np.unique(dataset.read(n).labels)]}
    assert set(missed) == worn - {"dress"}


def test_costs_are_those_of_the_served_network(checkpoint: Path) -> None:
    predictor = ClothingPredictor.from_checkpoint(checkpoint)
    found = network_cost(predictor)
    network = ClothingNetwork(ClothingConfig(network="unet", widths=(8, 16))).eval()
    assert found["parameters"] == sum(p.numel() for p in network.parameters())
    counted = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal counted
        if isinstance(module, nn.Conv2d):
            counted += output.numel() * module.weight[0].numel()
        if isinstance(module, nn.ConvTranspose2d):
            counted += inputs[0].numel() * module.weight[0].numel()

    for module in network.modules():
        module.register_forward_hook(count)
    network(torch.zeros(1, 3, SIDE, SIDE))
    assert found["giga_flops"] == pytest.approx(2 * counted / 1e9)


def test_an_auxiliary_head_costs_nothing_when_it_is_served() -> None:
    parameters = []
    for auxiliary in (False, True):
        config = ClothingConfig(network="deeplabv3_mobilenet_v3_large", auxiliary=auxiliary)
        network = ClothingNetwork(config)
        header = dataclasses.replace(HEADER, config={"network": dataclasses.asdict(config)})
        predictor = ClothingPredictor(network, 32, header=header, dtype=torch.float32)
        found = network_cost(predictor)
        parameters.append((found["parameters"], found["giga_flops"]))
    assert parameters[0] == parameters[1]


def test_a_card_reports_no_photos_that_chose(
    checkpoint: Path, dataset: ClothingCoParsing, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "clothing", "--checkpoint", str(checkpoint), "--ccp", str(dataset.root)]
    assert main([*command, "--record", "--split", "validation"]) == 1
    assert "--record needs --split test" in capsys.readouterr().err
    assert not checkpoint.with_suffix(".md").exists()


def test_a_dataset_of_other_labels_is_refused(
    checkpoint: Path, ccp_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["evaluate", "clothing", "--checkpoint", str(checkpoint), "--ccp", str(ccp_folder)])
        == 1
    )
    assert "labels" in capsys.readouterr().err


def test_parts_join_into_what_one_run_finds(
    checkpoint: Path, dataset: ClothingCoParsing, tmp_path: Path
) -> None:
    command = ["evaluate", "clothing", "--checkpoint", str(checkpoint), "--ccp", str(dataset.root)]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main([*command, "--out", str(whole)]) == 0
    for number in (1, 2):
        assert main([*command, "--out", str(parts), "--shard", f"{number}/2"]) == 0
    assert not (parts / "report.json").exists()
    assert main([*command, "--out", str(parts), "--json", str(tmp_path / "numbers.json")]) == 0
    assert json.loads((tmp_path / "numbers.json").read_text()) == json.loads(
        (whole / "report.json").read_text()
    )
