import argparse
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from model.checkpoint import CheckpointHeader, TrainingPart
from model.clothing.labels import FINE, GROUPED
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import (
    ClothingPredictor,
    ClothingSegmentation,
    save_clothing_checkpoint,
)
from training.__main__ import main
from training.clothing.evaluate import draw, labels_found, with_legend
from training.clothing.metrics import Confusion
from training.clothing.report import confusion_chart


def test_a_photos_figure_names_the_labels_found(
    clothing_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    network = ClothingNetwork(ClothingConfig(network="unet", widths=(4, 8)))
    with torch.no_grad():
        network.get_parameter("network.classify.weight").mul_(300)
    header = CheckpointHeader(
        "", {}, (TrainingPart({}, "unknown", "nothing", 0),), {}, "Apache-2.0"
    )
    checkpoint = tmp_path / "clothing.safetensors"
    save_clothing_checkpoint(checkpoint, network, 64, header)
    photo, out = clothing_folder / "photos" / "0001.jpg", tmp_path / "figures"
    command = ["figures", "clothing", "--image", str(photo), "--checkpoint", str(checkpoint)]
    assert main([*command, "--scheme", "fine", "--out", str(out)]) == 0
    with Image.open(out / "figure.png") as figure:
        assert min(figure.size) > 100
    predictor = ClothingPredictor.from_checkpoint(checkpoint)
    (result,) = predictor.predict_batch([np.asarray(Image.open(photo))])
    *lines, last = capsys.readouterr().out.splitlines()
    there = {FINE.labels[label] for label in np.unique(result.fine) if label > 0}
    assert {line.split()[0] for line in lines} == there
    assert last == f"wrote {out / 'figure.png'}"


def test_found_labels_have_their_area_and_mean_score_the_largest_first(
    rng: np.random.Generator,
) -> None:
    ids = rng.choice([0, 2, 7, 7, 7, 9, 9], (30, 20)).astype(np.uint8)
    scores = rng.random((30, 20)).astype(np.float32)
    found = labels_found(ids, scores, FINE)
    numbers = [FINE.labels.index(one.label) for one in found]
    assert numbers == [7, 9, 2]
    for one, number in zip(found, numbers, strict=True):
        assert one.area == pytest.approx((ids == number).mean())
        assert one.score == pytest.approx(scores[ids == number].mean(), rel=1e-5)
    assert labels_found(np.zeros_like(ids), scores, FINE) == []


def test_the_legend_has_the_labels_colours(rng: np.random.Generator) -> None:
    ids = np.full((30, 20), GROUPED.labels.index("dress"), np.uint8)
    image = rng.integers(0, 256, (30, 20, 3), dtype=np.uint8)
    scores = np.full(ids.shape, 0.25, np.float32)
    result = ClothingSegmentation(ids, scores, ids, scores)
    figure = draw(argparse.Namespace(scheme="grouped"), image, result)["figure.png"]
    assert isinstance(figure, Figure)
    legend = figure.axes[2].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["dress 100.0 % (0.25)"]
    sheet = with_legend(Image.new("RGB", (230, 10)), GROUPED)
    assert sheet.size[0] == 230
    pixels = np.asarray(sheet).reshape(-1, 3)
    for label in (8, 13, 14):
        assert (pixels == GROUPED.colours[label]).all(1).sum() > 50


def test_a_confusion_matrix_shows_shares_of_the_true_labels_that_occur() -> None:
    counts = np.zeros((4, 4), np.int64)
    counts[0, 0], counts[0, 3], counts[3, 0] = 60, 20, 5
    figure = confusion_chart(Confusion(counts), ("null", "hat", "coat", "tie"))
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["null", "tie"]
    drawn = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(drawn, np.array([[0.75, 0.25], [1, 0]]))
    assert {text.get_text() for text in axes.texts} == {"75", "25", "100"}
