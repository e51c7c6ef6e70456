"""`habitus predict` beside predictors that are called directly."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.command.__main__ import run
from model.clothing.labels import GROUPED
from model.clothing.predictor import ClothingPredictor
from model.silhouette.predictor import SilhouettePredictor
from tests.app.command.conftest import write_photo

Predict = Callable[..., int]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    write_photo(folder / "b.png", 1)
    write_photo(folder / "a.jpg", 2, (64, 80))
    write_photo(folder / "holiday" / "a.jpg", 3)
    return folder


@pytest.fixture
def predict(checkpoints: Path, photos: Path, tmp_path: Path) -> Predict:
    def call(*more: str, out: Path = tmp_path / "results", source: Path = photos) -> int:
        command = ["predict", str(source), "--out", str(out), "--device", "cpu"]
        return run([*command, "--checkpoints", str(checkpoints), *more])

    return call


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return {row["photo"]: row for row in csv.DictReader(file)}


def test_every_photo_has_the_row_and_the_pictures_that_its_predictors_give(
    predict: Predict, photos: Path, checkpoints: Path, tmp_path: Path
) -> None:
    assert predict() == 0
    found = rows(tmp_path / "results")
    assert list(found) == ["a.jpg", "b.png", "holiday/a.jpg"]
    silhouette = SilhouettePredictor.from_checkpoint(checkpoints / "silhouette.safetensors")
    clothing = ClothingPredictor.from_checkpoint(checkpoints / "clothing.safetensors")
    for name, row in found.items():
        with Image.open(photos / name) as photo:
            image = np.asarray(photo.convert("RGB"))
        assert (int(row["height"]), int(row["width"])) == image.shape[:2]
        assert row["error"] == ""
        [seen], [worn] = silhouette.predict_batch([image]), clothing.predict_batch([image])
        with Image.open(tmp_path / "results" / "confidence" / f"{name}.png") as written:
            np.testing.assert_allclose(np.asarray(written) / 255, seen.confidence, atol=0.5 / 254)
        assert float(row["mean_confidence"]) == pytest.approx(seen.confidence.mean(), abs=1e-4)
        with Image.open(tmp_path / "results" / "clothing" / f"{name}.png") as written:
            assert (np.asarray(written) == worn.grouped).mean() > 0.99
        for label, group in enumerate(GROUPED.labels[1:], 1):
            share = float(row[f"clothing_{group.replace(' ', '_')}"])
            assert share == pytest.approx((worn.grouped == label).mean(), abs=0.01)


def test_a_photo_that_cannot_be_used_is_a_row_with_its_reason(
    predict: Predict, photos: Path, tmp_path: Path
) -> None:
    (photos / "text.jpg").write_text("no picture")
    (photos / "cut.png").write_bytes((photos / "b.png").read_bytes()[:60])
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    write_photo(photos / "small.png", 4, (12, 48))
    assert predict() == 0
    found = rows(tmp_path / "results")
    assert {name for name, row in found.items() if row["error"]} == {
        *("text.jpg", "cut.png", "gone.jpg", "small.png")
    }
    assert "begins with" in found["text.jpg"]["error"]
    assert "at least 16 pixels" in found["small.png"]["error"]
    assert os.strerror(errno.ENOENT) in found["gone.jpg"]["error"]
    assert found["small.png"]["mean_confidence"] == ""


def test_only_new_and_changed_photos_are_predicted_by_a_second_run(
    predict: Predict, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "bad.jpg").write_text("no picture")
    assert predict() == 0
    first = (tmp_path / "results" / "results.csv").read_text()
    kept = (tmp_path / "results" / "confidence" / "b.png.png").stat().st_mtime_ns
    assert predict() == 0
    assert "4 of 4 photos are done already" in capsys.readouterr().err
    assert (tmp_path / "results" / "results.csv").read_text() == first
    write_photo(photos / "a.jpg", 5, (90, 70))
    write_photo(photos / "new.jpg", 6)
    write_photo(photos / "bad.jpg", 7)
    assert predict("--retry-failed") == 0
    assert "2 of 5 photos are done already" in capsys.readouterr().err
    found = rows(tmp_path / "results")
    assert (found["a.jpg"]["width"], found["bad.jpg"]["error"]) == ("90", "")
    assert (tmp_path / "results" / "confidence" / "b.png.png").stat().st_mtime_ns == kept


def test_failed_photos_are_tried_again_only_when_asked_to(
    predict: Predict, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "bad.jpg").write_text("no picture")
    for more, done in ((), None), ((), 4), (("--retry-failed",), 3):
        assert predict(*more) == 0
        said = capsys.readouterr().err
        assert "1 failed" in said
        assert done is None or f"{done} of 4 photos are done already" in said


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_is_continued_to_the_same_results(
    stop: signal.Signals,
    predict: Predict,
    checkpoints: Path,
    tmp_path: Path,
    repo_root: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, out, unbroken = tmp_path / "many", tmp_path / "stopped", tmp_path / "unbroken"
    for number in range(100):
        write_photo(source / f"{number:03}.png", number)
    command = [sys.executable, "-m", "app.command", "predict", str(source), "--out", str(out)]
    journal = out / "rows.jsonl"
    with subprocess.Popen(
        [*command, "--checkpoints", str(checkpoints), "--device", "cpu"], cwd=repo_root
    ) as process:
        while not (journal.exists() and journal.read_bytes().count(b"\n") >= 5):
            assert process.poll() is None
            time.sleep(0.001)
        process.send_signal(stop)
    num_done = journal.read_bytes().count(b"\n")
    assert num_done < 100
    if stop == signal.SIGINT:
        assert process.returncode == 130
        assert len(rows(out)) == num_done
    # As where the disk took half of a line, and half of a picture.
    with journal.open("a") as file:
        file.write('{"photo": "099.png", "num_')
    (out / "confidence" / ".099.png.abc.png").write_bytes(b"half")
    assert predict(out=out, source=source) == 0
    assert f"{num_done} of 100 photos are done already" in capsys.readouterr().err
    assert predict(out=unbroken, source=source) == 0
    assert (out / "results.csv").read_bytes() == (unbroken / "results.csv").read_bytes()
    pictures = {path.relative_to(unbroken) for path in unbroken.rglob("*.png")}
    assert len(pictures) == 200
    assert {path.relative_to(out) for path in out.rglob("*.png")} == pictures
    assert all((out / name).read_bytes() == (unbroken / name).read_bytes() for name in pictures)


def test_results_of_other_checkpoints_are_not_mixed(
    predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict() == 0
    made_with = tmp_path / "results" / "made_with.json"
    before = json.loads(made_with.read_text())
    made_with.write_text(json.dumps({**before, "clothing": "another"}))
    assert predict() == 1
    assert "was made with another clothing" in capsys.readouterr().err


def test_results_may_lie_among_the_photos(predict: Predict, photos: Path) -> None:
    for _ in range(2):
        assert predict(out=photos / "results") == 0
        assert len(rows(photos / "results")) == 3


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--device", "cuda:99"], "HABITUS_DEVICE is cuda:99"),
        (["--device", "tpu"], "HABITUS_DEVICE: "),
        (["--checkpoints", "nowhere"], "there is no such folder"),
    ],
)
def test_what_the_caller_can_correct_is_one_line(
    predict: Predict, more: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(*more) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert words in said
    assert said.count("\n") == 1


def test_a_folder_without_photos_is_an_error(
    predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert predict(source=tmp_path / "empty") == 1
    assert "there are no photos" in capsys.readouterr().err
