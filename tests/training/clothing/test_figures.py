from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from model.checkpoint import CheckpointHeader, TrainingPart
from model.clothing.labels import FINE, GROUPED
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import ClothingPredictor, save_clothing_checkpoint
from training.__main__ import main
from training.clothing.figures import confusion_chart, draw, labels_found, with_legend
from training.clothing.metrics import Confusion
from training.reporting.curves import curves_figure


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
    photo, out = clothing_folder / "photos" / "0001.jpg", tmp_path / "figures" / "out.png"
    command = ["figures", "clothing", "--image", str(photo), "--checkpoint", str(checkpoint)]
    assert main([*command, "--scheme", "fine", "--out", str(out)]) == 0
    with Image.open(out) as figure:
        assert min(figure.size) > 100
    predictor = ClothingPredictor.from_checkpoint(checkpoint)
    (result,) = predictor.predict_batch([np.asarray(Image.open(photo))])
    *lines, last = capsys.readouterr().out.splitlines()
    there = {FINE.labels[label] for label in np.unique(result.fine) if label > 0}
    assert {line.split()[0] for line in lines} == there
    assert last == f"wrote {out}"


def test_found_labels_have_their_area_and_mean_score_the_largest_first(
    rng: np.random.Generator,
) -> None:
    ids = rng.choice([0, 2, 7, 7, 7, 9, 9], (30, 20)).astype(np.uint8)
    scores = rng.random((30, 20)).astype(np.float32)
    found = labels_found(ids, scores)
    assert [one.label for one in found] == [7, 9, 2]
    for one in found:
        assert one.area == pytest.approx((ids == one.label).mean())
        assert one.score == pytest.approx(scores[ids == one.label].mean(), rel=1e-5)
    assert labels_found(np.zeros_like(ids), scores) == []


def test_the_legend_has_the_labels_colours(rng: np.random.Generator) -> None:
    ids = np.full((30, 20), GROUPED.labels.index("dress"), np.uint8)
    image = rng.integers(0, 256, (30, 20, 3), dtype=np.uint8)
    found = labels_found(ids, np.full(ids.shape, 0.25, np.float32))
    figure = draw(image, ids, GROUPED, found)
    legend = figure.axes[2].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["dress 100.0 % (0.25)"]
    sheet = with_legend(Image.new("RGB", (230, 10)), GROUPED, [8, 13, 14])
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


def test_a_runs_curves_are_its_tables(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    learned = pd.DataFrame({"step": [20, 40], "loss": [2.0, 1.0], "learning_rate": [0.1, 0.1]})
    judged = pd.DataFrame({"step": [40], "loss": [1.5], "pixel_accuracy": [0.5], "score": [0.4]})
    learned.to_csv(run / "learned.csv", index=False)
    judged.to_csv(run / "judged.csv", index=False)
    losses, scores = curves_figure(run).axes
    assert {line.get_label(): list(np.asarray(line.get_ydata())) for line in losses.lines} == {
        "training": [2, 1],
        "held-out": [1.5],
    }
    assert [line.get_label() for line in scores.lines] == ["pixel accuracy", "score"]
    assert main(["figures", "clothing", "--run", str(run), "--out", str(tmp_path / "c.png")]) == 0
    with Image.open(tmp_path / "c.png") as figure:
        assert min(figure.size) > 100


def test_a_run_without_tables_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["figures", "clothing", "--run", str(tmp_path), "--out", str(tmp_path / "c.png")]
    assert main(command) == 1
    assert "learned.csv" in capsys.readouterr().err
    (tmp_path / "learned.csv").write_text("step,loss\n")
    (tmp_path / "judged.csv").write_text("step,loss\n1,2\n")
    assert main(command) == 1
    assert "holds no row" in capsys.readouterr().err


def test_a_figure_is_of_a_photo_or_of_a_run(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["figures", "clothing", "--out", str(tmp_path / "c.png")])
