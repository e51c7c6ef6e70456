"""Samples: which frames, in which form, the same for the same key."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.errors import InvalidInputError
from model.pose_depth.poses import APART_S
from tests.training.pose_depth.conftest import REST, person
from training.engine.batches import SampleKey
from training.pose_depth.augmentation import Augmentation, Frames
from training.pose_depth.borrowing import Library, azimuth_of, borrow_errors, projected
from training.pose_depth.data import (
    PoseBatch,
    TrainingSamples,
    read_split,
    sample_of,
    whole_batches,
)

STILL = Augmentation(
    mirror=0, roll_deg=0, turn_probability=0, scale=0, unseen=0, alone=0, mistaken=0
)


def test_sequences_without_frames_are_passed_over(pair_folder: Path) -> None:
    found = read_split([pair_folder], "training")
    assert [len(pairs) for pairs in found] == [3, 5, 5]
    assert len(read_split([pair_folder, pair_folder], "training")) == 6


def test_a_split_without_pairs_is_refused_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="pose-pairs"):
        read_split([tmp_path], "test")
    with pytest.raises(FileNotFoundError):
        read_split([tmp_path / "none"], "test")


def test_the_same_key_gives_the_same_sample(pair_folder: Path) -> None:
    sequences = read_split([pair_folder], "training")
    one, other = (TrainingSamples(sequences, Augmentation(), 4, 7) for _ in range(2))
    for index in range(5):
        key = SampleKey(index, 0)
        for a, b in zip(one[key], other[key], strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert not torch.equal(one[SampleKey(0, 0)].joints, one[SampleKey(1, 0)].joints)


def test_a_sample_without_changes_is_a_part_of_a_sequence(pair_folder: Path) -> None:
    sequences = read_split([pair_folder], "training")
    samples = TrainingSamples(sequences, STILL, 4, 0)
    for index in range(8):
        sample = samples[SampleKey(index, 0)]
        num = int(sample.present.sum())
        assert sample.joints.shape == (4, 17, 3)
        assert num == min(4, num)
        truth = sample.truth[:num].numpy()
        places = [
            first
            for pairs in sequences
            for first in range(len(pairs) - num + 1)
            if np.array_equal(pairs.ground_truth[first : first + num], truth)
        ]
        assert len(places) == 1
        assert sample.joints[num:].abs().sum() == 0


def test_frames_that_are_alone_are_far_apart() -> None:
    pairs = person(np.random.default_rng(0), 3)
    together = sample_of(Frames.of(pairs), pairs.seconds, 4, alone=False)
    np.testing.assert_allclose(together.seconds, [0, 0.1, 0.2, 0], atol=1e-6)
    alone = sample_of(Frames.of(pairs), pairs.seconds, 4, alone=True)
    assert alone.seconds.diff()[:2].min() == APART_S
    np.testing.assert_allclose(together.direction[:3], pairs.directions(), atol=1e-5)
    distances = np.linalg.norm(pairs.camera_relative, axis=-1)
    np.testing.assert_allclose(together.distance[:3], distances, rtol=1e-6)


def test_validation_has_every_frame_once(pair_folder: Path) -> None:
    sequences = read_split([pair_folder], "validation")
    batches = list(whole_batches(sequences, alone=False))
    assert sum(int(batch.present.sum()) for batch in batches) == sum(map(len, sequences))
    assert isinstance(batches[0], PoseBatch)


@pytest.mark.parametrize("seed", range(4))
def test_a_pose_of_the_library_gets_the_errors_and_about_the_view_of_a_pair(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = person(rng, 4)
    joints = np.repeat((REST * [1, -1, -1])[None], 3, axis=0)
    frames = borrow_errors(rng, joints.astype(np.float32), pairs)
    np.testing.assert_allclose(
        frames.joints - frames.truth, (pairs.corrupted - pairs.ground_truth)[:3], atol=1e-5
    )
    # The pose is the library's, turned; its keypoints are as far from its own projection as the
    # pair's are, which is not at all here.
    lengths = [np.linalg.norm(pose[:, 5] - pose[:, 16], axis=-1) for pose in (frames.truth, joints)]
    np.testing.assert_allclose(lengths[0], lengths[1], rtol=1e-4)
    expected = projected(frames.truth, frames.camera)
    np.testing.assert_allclose(frames.keypoints, expected, atol=1e-4)
    apart = azimuth_of(frames.truth, frames.camera) - azimuth_of(
        pairs.ground_truth, pairs.camera_relative
    )
    assert abs((apart + 180) % 360 - 180) < 80
    upright = frames.truth[0, [5, 6], 1].mean()
    assert upright < 0, "the shoulders are above the hips"


def test_a_damaged_library_is_named(tmp_path: Path) -> None:
    path = tmp_path / "library.npz"
    with pytest.raises(FileNotFoundError):
        Library.read(path)
    path.write_bytes(b"PK nothing")
    with pytest.raises(InvalidInputError, match=r"library\.npz cannot be read"):
        Library.read(path)
    np.savez(path, joints=np.zeros((2, 8, 16, 3)), seconds=np.zeros((2, 8)))
    with pytest.raises(InvalidInputError, match=r"\(2, 8, 16, 3\)"):
        Library.read(path)
