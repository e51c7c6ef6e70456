from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model.body.predictor import BodyPredictor
from model.errors import InvalidInputError
from model.mesh_confidence.joints import JOINT_NAMES
from model.silhouette.predictor import SilhouettePredictor
from training.__main__ import main
from training.datasets.joint_photos import JointPhoto, JointPhotos
from training.mesh_confidence import dataset_choice, estimator_choice, estimators, sensitivity
from training.mesh_confidence.estimators import Estimator
from training.mesh_confidence.occlusion import IMAGENET_MEAN


class Counting:
    """An estimator whose joints all move with the number of grey pixels; it counts its pictures."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.asked += len(images)
        areas = [float((image == IMAGENET_MEAN).all(-1).mean()) for image in images]
        return [np.full((14, 2), 100 * area) + np.arange(28).reshape(14, 2) for area in areas]


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch, tiny_body: BodyPredictor) -> Counting:
    counting = Counting()

    def load(folder: Path, device: torch.device) -> Estimator:
        return Estimator("counting", "pixel", counting)

    monkeypatch.setitem(estimator_choice.ESTIMATORS, "keypoints", load)
    monkeypatch.setattr(sensitivity.BodyPredictor, "from_checkpoint", lambda path: tiny_body)
    return counting


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    path = tmp_path / "person.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 100, (90, 60, 3), np.uint8)).save(path)
    return path


def test_one_photo_gives_a_map_for_each_joint_and_is_resumed(
    counting: Counting, photo_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["evaluate", "sensitivity", "--image", str(photo_file), "--out", str(out)]
    command += ["--side", "80", "--device", "cpu", "--checkpoints", str(tmp_path)]
    assert main(command) == 0
    maps = np.load(out / "maps.npy")
    assert maps.shape == (3, 3, 14)  # 0, 20, 40
    expected = 100 * 40 * 40 / 80**2 * np.sqrt(2)
    np.testing.assert_allclose(maps, expected, rtol=1e-6)
    table = (out / "sensitivity.csv").read_text().splitlines()
    assert len(table) == 1 + len(JOINT_NAMES)
    assert (out / "sensitivity.png").stat().st_size > 10_000
    asked = counting.asked
    assert asked == 1 + 9
    # A killed run has lost the last rows.
    (rows,) = (out / "rows").iterdir()
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:-2]))
    assert main(command) == 0
    assert counting.asked == asked + 1 + 2
    np.testing.assert_array_equal(np.load(out / "maps.npy"), maps)
    # Another square is another analysis.
    assert main([*command, "--size", "20"]) == 0
    assert np.load(out / "maps.npy").shape == (4, 4, 14)


def test_a_dataset_gives_the_mean_error_by_hidden_joint(
    counting: Counting,
    photo_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = np.zeros((14, 3), np.float32)
    points[:, :2] = np.random.default_rng(1).uniform(10, 50, (14, 2))
    points[:13, 2] = 1
    people = [JointPhoto(photo_file, points, "a", f"a/{n}") for n in range(3)]
    monkeypatch.setitem(dataset_choice.DATASETS, "3doh", lambda root: JointPhotos("3doh", people))
    out = tmp_path / "out"
    command = ["evaluate", "sensitivity", "--dataset", "3doh", "--root", str(tmp_path)]
    command += ["--out", str(out), "--device", "cpu", "--limit", "2"]
    assert main([*command, "--checkpoints", str(tmp_path)]) == 0
    errors = np.load(out / "errors.npy")
    assert errors.shape == (2, 15)
    assert np.isnan(errors[:, 13]).all()
    assert np.isfinite(np.delete(errors, 13, 1)).all()
    lines = (out / "sensitivity.csv").read_text().splitlines()
    assert lines[-1].startswith("nothing,pixel,")
    mean = float(lines[1].split(",")[2])
    assert mean == pytest.approx(errors[:, 0].mean(), rel=1e-4)
    asked = counting.asked
    assert main([*command, "--checkpoints", str(tmp_path)]) == 0
    assert counting.asked == asked


def test_a_network_without_keypoints_is_refused(
    tiny_silhouette: SilhouettePredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        estimators.SilhouettePredictor, "from_checkpoint", lambda path, device: tiny_silhouette
    )
    with pytest.raises(InvalidInputError, match="does not look for people"):
        estimators.keypoint_estimator(Path("silhouette.safetensors"), torch.device("cpu"))


def test_what_cannot_be_analysed_is_refused(
    counting: Counting, photo_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "sensitivity", "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main([*command, "--dataset", "3dpw"]) == 1
    assert "needs --root" in capsys.readouterr().err
    assert counting.asked == 0
    colour = ["--colour", "0", "0", "256"]
    assert main([*command, "--image", str(photo_file), *colour]) == 1
    assert "0 to 255" in capsys.readouterr().err
