"""AIST++ in its published layout, small: cameras, splits, NaN, and pairs of each video."""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from model.errors import InvalidInputError
from tests.training.pose_depth.conftest import REST
from training.datasets.aist import AistDances
from training.pose_depth.aist_pairs import make_video_pairs, pairs_of_video
from training.pose_depth.detector import FoundPose
from training.pose_depth.pairs import read_pairs

NAMES = {
    "pose_train": "gBR_sBM_cAll_d04_mBR0_ch01",
    "pose_val": "gBR_sBM_cAll_d05_mBR0_ch01",
    "pose_test": "gHO_sBM_cAll_d20_mHO0_ch01",
}
NUM_FRAMES = 8
TURNS = {f"c{number:02d}": 40 * number for number in range(1, 10)}
"""Degrees of each camera around the room's upright axis."""


def camera(name: str) -> dict[str, object]:
    """Looks at the middle of the room from 5 m, 1 m above the floor."""
    # The room has y up; a camera has y down and z forward.
    turn = Rotation.from_euler("x", 180, degrees=True) * Rotation.from_euler(
        "y", TURNS[name], degrees=True
    )
    return {
        "name": name,
        "size": [1920, 1080],
        "rotation": turn.as_rotvec().tolist(),
        "translation": [0.0, 100.0, 500.0],
    }


def dance() -> np.ndarray:
    """(F, 17, 3) in the room, centimetres; one joint of one frame is not known."""
    upright = REST * [1, -1, -1] + [0, 1, 0]
    frames = np.stack([upright + np.array([0.01 * number, 0, 0]) for number in range(NUM_FRAMES)])
    frames[4, 9] = np.nan
    return 100 * frames


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "aist"
    annotations = folder / "annotations"
    for name in ("keypoints3d", "keypoints2d", "cameras", "splits"):
        (annotations / name).mkdir(parents=True)
    (folder / "videos").mkdir()
    lines = []
    for stem, sequence in NAMES.items():
        (annotations / "splits" / f"{stem}.txt").write_text(f"{sequence}\n")
        content = {"keypoints3d": dance() + 7, "keypoints3d_optim": dance()}
        (annotations / "keypoints3d" / f"{sequence}.pkl").write_bytes(pickle.dumps(content))
        lines.append(f"{sequence} setting1")
        for name in TURNS:
            video = folder / "videos" / f"{sequence.replace('cAll', name)}.mp4"
            video.write_bytes(b"")
    (annotations / "cameras" / "mapping.txt").write_text("\n".join(lines))
    cameras = json.dumps([camera(name) for name in TURNS])
    (annotations / "cameras" / "setting1.json").write_text(cameras)
    (annotations / "ignore_list.txt").write_text(f"{NAMES['pose_val']}\n")
    return folder


def frames() -> Iterator[tuple[int, np.ndarray]]:
    for number in range(0, NUM_FRAMES + 4, 2):
        yield number, np.full((48, 96, 3), number, np.uint8)


def look(image: np.ndarray) -> FoundPose | None:
    """Nobody in the picture of frame 2; elsewhere a pose that is the same each time."""
    if image[0, 0, 0] == 2:
        return None
    keypoints = 40 + 20 * REST[:, :2]
    return FoundPose(
        (REST + np.array([0, 0, 0.3])).astype(np.float32),
        np.full(17, 0.9, np.float32),
        keypoints.astype(np.float32),
    )


def test_all_cameras_of_all_sequences_that_are_not_ignored_are_found(root: Path) -> None:
    videos = AistDances.open(root).videos
    assert len(videos) == 18
    assert {video.split for video in videos} == {"training", "test"}
    assert {video.camera.name for video in videos} == set(TURNS)
    (root / "videos" / "gBR_sBM_c03_d04_mBR0_ch01.mp4").unlink()
    assert len(AistDances.open(root).videos) == 17


def test_joints_are_metres_and_those_of_the_optimisation(root: Path) -> None:
    joints = AistDances.open(root).joints(NAMES["pose_train"])
    np.testing.assert_allclose(joints[0], dance()[0] / 100)


def test_pairs_are_in_the_axes_of_the_camera(root: Path) -> None:
    dances = AistDances.open(root)
    for video in dances.videos[:9]:
        pairs = pairs_of_video(video, dances.joints(video.sequence), frames(), look)
        # Frame 2 shows nobody, frame 4 has an unknown joint, and the dance ends before frame 8.
        assert pairs.frame_idx.tolist() == [0, 6]
        np.testing.assert_allclose(pairs.seconds, [0, 0.1])
        turn = Rotation.from_euler("y", TURNS[video.camera.name], degrees=True)
        seen = turn.apply(dance()[0] / 100) * [1, -1, -1]
        np.testing.assert_allclose(pairs.ground_truth[0], seen - seen[[11, 12]].mean(0), atol=1e-5)
        expected = -seen[[11, 12]].mean(0) - np.array([0, 1, 5])
        np.testing.assert_allclose(pairs.camera_relative[0], expected, atol=1e-5)
        np.testing.assert_allclose(pairs.corrupted[0], REST, atol=1e-5)
        np.testing.assert_allclose(pairs.pose_2d[0], 20 * REST[:, :2] / 96, atol=1e-5)


def test_the_view_turns_with_the_camera(root: Path) -> None:
    dances = AistDances.open(root)
    found = {}
    for video in dances.videos[:9]:
        pairs = pairs_of_video(video, dances.joints(video.sequence), frames(), look)
        right, _, ahead = pairs.directions()[0]
        found[video.camera.name] = np.rad2deg(np.arctan2(right, ahead))
    steps = [found[f"c{n + 1:02d}"] - found[f"c{n:02d}"] for n in range(1, 9)]
    # Nine cameras, 40 degrees apart, all around.
    turned = np.array([(step + 180) % 360 - 180 for step in steps])
    np.testing.assert_allclose(np.abs(turned), 40, atol=3)
    assert len(set(np.sign(turned))) == 1


def test_a_video_is_read_and_its_pairs_are_written(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="PyAV is not installed")
    from tests.training.datasets.test_video import write_video

    dances = AistDances.open(root)
    video = dances.videos[0]
    write_video(video.video, NUM_FRAMES)
    num = make_video_pairs(tmp_path, video, dances.joints(video.sequence), lambda _: look(frame()))
    found = read_pairs(tmp_path / "training" / f"{video.name}.npz")
    assert len(found) == num == 3


def frame() -> np.ndarray:
    return np.zeros((48, 96, 3), np.uint8)


def test_damaged_annotations_are_named(root: Path) -> None:
    cameras = root / "annotations" / "cameras"
    with pytest.raises(FileNotFoundError):
        AistDances.open(root / "none")
    dances = AistDances.open(root)
    path = root / "annotations" / "keypoints3d" / f"{NAMES['pose_train']}.pkl"
    path.write_bytes(pickle.dumps({"keypoints3d": dance()}))
    with pytest.raises(InvalidInputError, match="keypoints3d_optim"):
        dances.joints(NAMES["pose_train"])
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        dances.joints(NAMES["pose_train"])
    (cameras / "setting1.json").write_text('[{"name": "c01"}]')
    with pytest.raises(InvalidInputError, match="holds no cameras"):
        AistDances.open(root)
    (cameras / "mapping.txt").write_text("one two three\n")
    with pytest.raises(InvalidInputError, match="a sequence and its setting"):
        AistDances.open(root)
    (cameras / "mapping.txt").write_text("other setting1\n")
    with pytest.raises(InvalidInputError, match="has no cameras"):
        AistDances.open(root)


def test_a_folder_without_videos_is_refused(root: Path) -> None:
    for video in (root / "videos").iterdir():
        video.unlink()
    with pytest.raises(InvalidInputError, match="no video"):
        AistDances.open(root)
