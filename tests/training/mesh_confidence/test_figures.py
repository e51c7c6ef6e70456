from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.mesh_confidence.observer import MeshObserver
from model.mesh_confidence.predictor import MeshConfidence, MeshConfidencePredictor
from model.reconstruction.predictor import ReconstructionPredictor
from model.silhouette.people import Person
from model.silhouette.predictor import SilhouetteConfidence
from training.__main__ import main
from training.datasets.joint_photos import JointPhoto, JointPhotos
from training.mesh_confidence import dataset_choice, figures
from training.mesh_confidence.our_reconstruction import OurReconstruction, pixels

SIZE = (96, 72)


class Finder:
    finds_people = True

    def predict_batch(self, images: list[np.ndarray]) -> list[SilhouetteConfidence]:
        found = []
        for image in images:
            height, width = image.shape[:2]
            places = np.random.default_rng(0).uniform(0.2, 0.8, (17, 2)) * [width, height]
            keypoints = np.column_stack([places, np.full(17, 0.9)]).astype(np.float32)
            people = (Person(np.array([5, 5, 60, 90], np.float32), 0.9, keypoints),)
            empty = not image.any()
            found.append(
                SilhouetteConfidence(np.ones((height, width), np.float32), () if empty else people)
            )
        return found


@pytest.fixture
def ours(
    tiny_reconstruction: ReconstructionPredictor,
    tiny_mesh_confidence: MeshConfidencePredictor,
    monkeypatch: pytest.MonkeyPatch,
) -> OurReconstruction:
    observer = MeshObserver(tiny_reconstruction.body, tiny_reconstruction.keypoint_weights)
    ours = OurReconstruction(Finder(), tiny_reconstruction, observer)  # type: ignore[arg-type]
    monkeypatch.setattr(figures.OurReconstruction, "load", lambda folder, device: ours)
    monkeypatch.setattr(
        figures.MeshConfidencePredictor,
        "from_checkpoint",
        lambda path, device: tiny_mesh_confidence,
    )
    return ours


def picture(path: Path, black: bool = False) -> Path:
    pixels = np.random.default_rng(0).integers(1, 256, (*SIZE, 3), np.uint8) * np.uint8(not black)
    Image.fromarray(pixels).save(path)
    return path


def test_a_photo_is_drawn_with_its_verdict(
    ours: OurReconstruction, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figure.png"
    command = ["figures", "mesh_confidence", "--out", str(out), "--device", "cpu"]
    assert main([*command, "--photo", str(picture(tmp_path / "photo.png"))]) == 0
    assert "worst joint" in capsys.readouterr().out
    drawn = np.asarray(Image.open(out))
    assert drawn.std() > 10
    nobody = picture(tmp_path / "nobody.png", black=True)
    assert main([*command, "--photo", str(nobody)]) == 1
    assert "nobody was found" in capsys.readouterr().err


def test_a_person_of_a_dataset_is_chosen_by_number(
    ours: OurReconstruction,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    points = np.column_stack([np.random.default_rng(1).uniform(8, 60, (24, 2)), np.ones(24)])
    points[:2, :2] = [[6, 6], [58, 88]]
    photo = picture(tmp_path / "photo.png")
    people = [JointPhoto(photo, points.astype(np.float32), "s", "walk/1")]
    monkeypatch.setitem(dataset_choice.DATASETS, "3dpw", lambda root: JointPhotos("3dpw", people))
    command = ["figures", "mesh_confidence", "--dataset", "3dpw", "--device", "cpu"]
    command += ["--out", str(tmp_path / "figure.png")]
    assert main([*command, "--root", str(tmp_path)]) == 0
    assert main([*command, "--root", str(tmp_path), "--image", "1"]) == 1
    assert "has 1 people" in capsys.readouterr().err
    assert main(command) == 1
    assert "needs --root" in capsys.readouterr().err


def test_the_mesh_lies_where_the_camera_sees_it(ours: OurReconstruction, tmp_path: Path) -> None:
    image = np.asarray(Image.open(picture(tmp_path / "photo.png")))
    (found,) = ours([image], [None])
    assert found is not None
    judged = MeshConfidence(0.7, np.ones(14, np.float32), np.full(14, 1 / 14, np.float32))
    figure = figures.draw(image, found, judged, ours, "photo")
    trust = figure.axes[3]
    (collection,) = trust.collections
    corners = np.concatenate([path.vertices for path in collection.get_paths()])
    seen = pixels(found.body.vertices, found.body) * [1, -1]
    assert corners.min(0) == pytest.approx(seen.min(0), abs=1)
    assert corners.max(0) == pytest.approx(seen.max(0), abs=1)
    assert trust.get_xlim() == (0, SIZE[1])
    assert trust.get_ylim() == (-SIZE[0], 0)
