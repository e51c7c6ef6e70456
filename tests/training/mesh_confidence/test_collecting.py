from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import CheckpointHeader, TrainingPart, save_checkpoint
from model.errors import InvalidInputError
from model.mesh_confidence.joints import JOINT_NAMES
from model.mesh_confidence.observer import MeshObserver
from model.reconstruction.predictor import ReconstructionPredictor
from model.silhouette.people import Person
from model.silhouette.predictor import SilhouetteConfidence
from training.__main__ import main
from training.datasets.joint_photos import JointPhoto, JointPhotos
from training.datasets.rendered_joints import open_rendered
from training.datasets.shader_writer import ShaderFrame, write_subject
from training.mesh_confidence import prepare
from training.mesh_confidence.collecting import PART_SIZE, Collector, hide, row_of
from training.mesh_confidence.data import read_errors
from training.mesh_confidence.occlusion import IMAGENET_MEAN, Occluder
from training.mesh_confidence.our_reconstruction import OurReconstruction, chosen, pixels

SIZE = (96, 72)


class Finder:
    """Finds one person in every picture but black ones; keypoints depend on the pixels."""

    finds_people = True

    def __init__(self) -> None:
        self.asked = 0

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        found = []
        for image in images:
            self.asked += 1
            height, width = image.shape[:2]
            seed = int(image.astype(np.int64).sum()) % 1000
            places = np.random.default_rng(seed).uniform(0.2, 0.8, (17, 2)) * [width, height]
            keypoints = np.column_stack([places, np.full(17, 0.9)]).astype(np.float32)
            box = np.array([5, 5, width - 5, height - 5], np.float32)
            people = (Person(box, 0.9, keypoints),) if image.any() else ()
            found.append(SilhouetteConfidence(np.full((height, width), 0.8, np.float32), people))
        return found


@pytest.fixture
def ours(tiny_reconstruction: ReconstructionPredictor) -> OurReconstruction:
    observer = MeshObserver(tiny_reconstruction.body, tiny_reconstruction.keypoint_weights)
    return OurReconstruction(Finder(), tiny_reconstruction, observer)  # type: ignore[arg-type]


def truth() -> np.ndarray:
    generator = np.random.default_rng(3)
    points = generator.uniform([8, 8], [SIZE[1] - 8, SIZE[0] - 8], (17, 2))
    points[:2] = [[6, 6], [SIZE[1] - 6, SIZE[0] - 6]]
    return np.column_stack([points, np.ones(17)]).astype(np.float32)


def frame(seed: int, black: bool = False) -> ShaderFrame:
    generator = np.random.default_rng(seed)
    picture = generator.integers(1, 256, (*SIZE, 4), np.uint8) * np.uint8(not black)
    picture[..., 3] = 255
    return ShaderFrame(
        dressed=picture,
        naked=picture,
        poses=np.zeros(72, np.float32),
        trans=np.zeros(3, np.float32),
        joints2d=generator.uniform(0, 60, (24, 2)).astype(np.float32),
        joints3d=generator.normal(0, 1, (24, 3)).astype(np.float32),
        coco_keypoints=truth(),
    )


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    """Two subjects of two frames; nobody is found in one of them."""
    root = tmp_path / "people"
    betas = np.zeros(10, np.float32)
    write_subject(root / "maleBatch001" / "0000", betas, [frame(0), frame(1)])
    write_subject(root / "femaleBatch001" / "0000", betas, [frame(2, black=True), frame(3)])
    return root


def test_rendered_people_are_read_with_their_joints(rendered: Path) -> None:
    found = open_rendered([rendered])
    assert len(found) == 4
    assert len(set(found.sequence_numbers().tolist())) == 2
    male = next(one for one in found.photos if one.key.endswith("/maleBatch001/0000/1"))
    np.testing.assert_allclose(male.points, truth(), rtol=1e-6)
    np.testing.assert_array_equal(male.image, frame(1).dressed[..., :3])
    assert male.joints is not None
    np.testing.assert_allclose(male.joints, frame(1).joints3d * [1, -1, -1], rtol=1e-5)


def test_a_mesh_whose_joints_are_the_truth_has_no_error(
    ours: OurReconstruction, rendered: Path
) -> None:
    photo = open_rendered([rendered])[3]
    (found,) = ours([photo.image], [None])
    assert found is not None
    mesh = ours.points(found.body, 17)
    exact = np.column_stack([mesh, np.ones(17)]).astype(np.float32)
    exact[9] += [3, 4, 0]  # the left wrist of COCO
    row = row_of(ours, JointPhoto(photo.path, exact, "s", "k"), found, sequence=7, hidden=2)
    wrist = JOINT_NAMES.index("left_wrist")
    joints = found.observation.projected
    half = 1.2 * (joints.max(0) - joints.min(0)).max() / 2
    assert row.errors[0, wrist] == pytest.approx(5 / half, rel=1e-4)
    assert np.delete(row.errors[0], wrist).max() < 1e-4
    assert (row.sequence[0], row.occluded[0]) == (7, 2)
    np.testing.assert_array_equal(row.features[0], found.observation.features())


def test_true_smpl_joints_are_compared_with_smpl_joints(ours: OurReconstruction) -> None:
    image = frame(5).dressed[..., :3]
    (found,) = ours([image], [None])
    assert found is not None
    joints = ours.points(found.body, 24)
    np.testing.assert_allclose(joints, pixels(found.body.joints, found.body))
    of_14 = ours.points(found.body, 14)
    np.testing.assert_allclose(of_14[JOINT_NAMES.index("right_knee")], joints[5], rtol=1e-5)
    with pytest.raises(InvalidInputError, match="33 true points"):
        ours.points(found.body, 33)


def test_the_occluder_is_on_the_joint_and_as_large_as_in_a_crop() -> None:
    image = np.zeros((*SIZE, 3), np.uint8)
    points = truth()
    joint = JOINT_NAMES.index("right_knee")
    hidden = hide(image, JointPhoto(Path(), points, "s", "k"), joint, Occluder(size=40))
    rows, columns = np.nonzero((hidden == IMAGENET_MEAN).all(-1))
    x, y = points[14, :2]
    # Compared with an independent count of the pixels of the crop.
    joints = points[[16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9, 0], :2]
    side = 1.2 * (joints.max(0) - joints.min(0)).max()
    assert np.ptp(columns) + 1 == pytest.approx(40 * side / 224, abs=1)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(x, abs=1)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(y, abs=1)


def test_the_person_that_is_meant_is_the_one_at_the_true_points() -> None:
    keypoints = np.zeros((17, 3), np.float32)
    small = Person(np.array([0, 0, 20, 40], np.float32), 0.5, keypoints)
    large = Person(np.array([50, 0, 150, 200], np.float32), 0.9, keypoints)
    points = np.array([[1, 1, 1], [19, 38, 1], [140, 190, 0]], np.float32)
    assert chosen([large, small], points) is small
    assert chosen([large, small], None) is large
    assert chosen([large], points) is None
    assert chosen([], None) is None


def test_collecting_goes_on_where_it_was_stopped(
    ours: OurReconstruction, rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.mesh_confidence.collecting.PART_SIZE", 1)
    photos = open_rendered([rendered])
    collector = Collector(photos, ours, Occluder(), seed=0, batch_size=2)
    found = collector.collect(tmp_path / "parts")
    assert len(found.plain) == len(found.occluded) == 3
    assert (found.plain.occluded == -1).all()
    assert (found.occluded.occluded >= 0).all()
    np.testing.assert_array_equal(found.plain.sequence, found.occluded.sequence)
    assert (found.plain.features != found.occluded.features).any()
    finder = ours.silhouettes
    assert isinstance(finder, Finder)
    asked = finder.asked
    last = sorted((tmp_path / "parts").glob("*-occluded.npz"))[-1]
    last.unlink()
    again = collector.collect(tmp_path / "parts")
    assert finder.asked == asked + 2
    np.testing.assert_array_equal(again.plain.features, found.plain.features)
    np.testing.assert_array_equal(again.occluded.errors, found.occluded.errors)
    assert PART_SIZE > 1


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """Two files whose headers are read; the networks come from the test."""
    header = CheckpointHeader("x", {}, (TrainingPart({}, "", "", 0),), {}, "")
    for name in ("silhouette", "reconstruction"):
        tensors = {"weight": torch.zeros(1)}
        save_checkpoint(tmp_path / "checkpoints" / f"{name}.safetensors", tensors, header)
    return tmp_path / "checkpoints"


def test_the_command_writes_files_that_fit_reads(
    ours: OurReconstruction,
    rendered: Path,
    checkpoints: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(prepare.OurReconstruction, "load", lambda folder, device: ours)
    out = tmp_path / "rows"
    command = ["data", "mesh_confidence", "--rendered", str(rendered), "--out", str(out)]
    command += ["--checkpoints", str(checkpoints), "--device", "cpu"]
    assert main([*command, "--part", "test"]) == 0
    assert "3 people twice; 1 more" in capsys.readouterr().out
    plain, occluded = (read_errors(out / f"test{end}.npz") for end in ("", "_occluded"))
    assert len(plain) == len(occluded) == 3
    assert np.isfinite(plain.features[..., 3:]).all()
    assert main([*command, "--part", "test", "--seed", "1"]) == 1
    assert "another seed" in capsys.readouterr().err
    assert main([*command, "--part", "train", "--seed", "1"]) == 0


def test_people_whose_points_are_not_all_known_are_left_out(
    ours: OurReconstruction, rendered: Path, tmp_path: Path
) -> None:
    photos = list(open_rendered([rendered]).photos)
    photos[3].points[4, 2] = 0
    collector = Collector(JointPhotos("x", photos), ours, Occluder(), 0, 4)
    assert len(collector.collect(tmp_path / "parts").plain) == 2
