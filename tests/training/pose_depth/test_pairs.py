"""Files of pairs: ours, the reference's, and damaged ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from model.errors import InvalidInputError
from model.pose_depth.view import camera_in_torso
from tests.training.pose_depth.conftest import person
from training.pose_depth.pairs import PairSequence, hip_centred, read_pairs, write_pairs

ARRAYS = ("corrupted", "ground_truth", "visibility", "pose_2d", "camera_relative", "seconds")


@pytest.fixture
def pairs() -> PairSequence:
    return person(np.random.default_rng(1), 4)


def test_what_was_written_is_read(tmp_path: Path, pairs: PairSequence) -> None:
    write_pairs(tmp_path / "a.npz", pairs)
    found = read_pairs(tmp_path / "a.npz")
    assert found.sequence == pairs.sequence
    for name in (*ARRAYS, "frame_idx"):
        np.testing.assert_allclose(getattr(found, name), getattr(pairs, name), atol=1e-6)


def test_the_file_has_the_references_keys_and_axes(tmp_path: Path, pairs: PairSequence) -> None:
    write_pairs(tmp_path / "a.npz", pairs)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        content = dict(file)
    expected = {"corrupted", "ground_truth", "visibility", "pose_2d"}
    expected |= {"azimuth", "elevation", "camera_relative", "sequence", "frame_idx"}
    assert expected <= content.keys()
    # Up is positive: the nose is above the hips, and the camera in front has a positive z.
    assert (content["ground_truth"][:, 0, 1] > 0.5).all()
    assert (content["camera_relative"][:, 2] > 0).all()
    assert ((content["azimuth"] >= 0) & (content["azimuth"] < 360)).all()


def reference_file(path: Path, pairs: PairSequence, frame: int, room: Rotation) -> None:
    """One frame as the reference writes it: the truth in the axes of a room with y up."""
    flipped = np.array([1, -1, -1])
    np.savez(
        path,
        corrupted=pairs.corrupted[frame] * flipped,
        ground_truth=room.apply(pairs.ground_truth[frame] * flipped),
        visibility=pairs.visibility[frame],
        pose_2d=pairs.pose_2d[frame],
        azimuth=12.0,
        elevation=3.0,
        camera_relative=room.apply(pairs.camera_relative[frame] * flipped),
        sequence="gBR_sBM_c01",
        frame_idx=60,
    )


def test_a_file_of_the_reference_is_turned_into_the_axes_of_a_camera_that_looks_at_the_hips(
    tmp_path: Path, pairs: PairSequence
) -> None:
    # A camera straight before the person: what it sees is what is turned back.
    straight = np.tile(np.array([[0, 0, -4]], np.float32), (4, 1))
    ahead = PairSequence(**{**vars(pairs), "camera_relative": straight})
    room = Rotation.from_euler("y", 70, degrees=True)
    reference_file(tmp_path / "b.npz", ahead, 2, room)
    found = read_pairs(tmp_path / "b.npz")
    assert len(found) == 1
    np.testing.assert_allclose(found.ground_truth[0], ahead.ground_truth[2], atol=1e-5)
    np.testing.assert_allclose(found.corrupted[0], ahead.corrupted[2], atol=1e-5)
    np.testing.assert_allclose(found.camera_relative[0], [0, 0, -4], atol=1e-5)
    assert found.seconds[0] == pytest.approx(2.0)


def test_the_direction_of_the_camera_does_not_depend_on_the_axes(
    tmp_path: Path, pairs: PairSequence
) -> None:
    room = Rotation.from_euler("y", 70, degrees=True)
    reference_file(tmp_path / "b.npz", pairs, 1, room)
    found = read_pairs(tmp_path / "b.npz").directions()
    np.testing.assert_allclose(found[0], pairs.directions()[1], atol=1e-5)
    truth, camera = (torch.from_numpy(a) for a in (pairs.ground_truth, pairs.camera_relative))
    np.testing.assert_allclose(pairs.directions(), camera_in_torso(truth, camera), atol=1e-6)


def test_poses_are_read_hip_centred(tmp_path: Path, pairs: PairSequence) -> None:
    moved = PairSequence(**{**vars(pairs), "corrupted": pairs.corrupted + np.float32(0.3)})
    write_pairs(tmp_path / "c.npz", moved)
    found = read_pairs(tmp_path / "c.npz").corrupted
    np.testing.assert_allclose(found, pairs.corrupted, atol=1e-5)
    np.testing.assert_allclose(hip_centred(found)[:, [11, 12]].mean(1), 0, atol=1e-6)


def test_damaged_files_are_named(tmp_path: Path, pairs: PairSequence) -> None:
    path = tmp_path / "d.npz"
    with pytest.raises(FileNotFoundError):
        read_pairs(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(InvalidInputError, match=r"d\.npz cannot be read"):
        read_pairs(path)
    write_pairs(path, pairs)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InvalidInputError, match=r"d\.npz cannot be read"):
        read_pairs(path)


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("corrupted", None, "lacks corrupted"),
        ("pose_2d", np.zeros((4, 17, 3)), "pose_2d has the shape"),
        ("ground_truth", np.full((4, 17, 3), np.nan), "ground_truth is not finite"),
        ("visibility", np.full((4, 17), "x"), "visibility holds <U1"),
        ("camera_relative", np.zeros((3, 3)), "frames"),
    ],
)
def test_an_array_that_does_not_fit_is_named(
    tmp_path: Path, pairs: PairSequence, name: str, array: np.ndarray | None, words: str
) -> None:
    path = tmp_path / "e.npz"
    write_pairs(path, pairs)
    with np.load(path, allow_pickle=False) as file:
        content = dict(file)
    content.pop(name)
    if array is not None:
        content[name] = array
    np.savez(path, **content)
    with pytest.raises(InvalidInputError, match=words):
        read_pairs(path)
