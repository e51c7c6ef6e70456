"""Rendered people: exact keypoints, the same for the same number, pairs that can be continued."""

from pathlib import Path

import numpy as np
import pytest

from model.errors import InvalidInputError
from tests.training.synthetic.test_motion import write_clip
from training.pose_depth.detector import FoundPose
from training.pose_depth.library import make_library
from training.pose_depth.pairs import read_pairs
from training.pose_depth.rendered_pairs import (
    claim,
    done_sequences,
    make_sequence,
    pairs_of,
    settings_of,
    split_of,
)
from training.pose_depth.rendering import Clip, RenderedFrame, SequenceRenderer, read_clips
from training.pose_depth.variation import varied
from training.synthetic.capsules import Capsules

SIDE = 64


def clip(name: str = "07_01", is_varied: bool = False) -> Clip:
    """Somebody who raises an arm."""
    poses = np.zeros((40, 24, 3), np.float32)
    poses[:, 16, 2] = np.linspace(-1.2, 0.5, 40)
    poses[:, 17, 2] = 1.2
    return Clip(name, poses, 1 / 30, is_varied)


@pytest.fixture(scope="module")
def renderer() -> SequenceRenderer:
    return SequenceRenderer(5, [clip()], SIDE)


@pytest.fixture(scope="module")
def frames(renderer: SequenceRenderer) -> list[RenderedFrame]:
    return list(renderer.frames(0, 3)[1])


def test_keypoints_are_the_projection_of_the_joints(frames: list[RenderedFrame]) -> None:
    for frame in frames:
        assert frame.image.shape == (SIDE, SIDE, 3)
        tangents = frame.joints[:, :2] / frame.joints[:, 2:]
        centred = frame.keypoints - SIDE / 2
        focal = (tangents * centred).sum() / np.square(tangents).sum()
        np.testing.assert_allclose(focal * tangents, centred, atol=1e-2)
        assert ((frame.keypoints > 0) & (frame.keypoints < SIDE)).all()
        assert frame.joints[:, 2].min() > 0.5


def test_the_person_is_where_the_keypoints_are(renderer: SequenceRenderer) -> None:
    # The backdrop is the same in all frames, so that what changes is near the arm that moves.
    name, made = renderer.frames(1, 8)
    first, *_, last = made
    changed = np.abs(first.image.astype(int) - last.image).sum(-1) > 60
    rows, columns = np.nonzero(changed)
    moved = np.linalg.norm(first.keypoints - last.keypoints, axis=-1)
    assert name == "07_01"
    assert moved.argmax() == 9, "the left wrist moves furthest"
    near = np.hypot(*(np.stack([columns, rows]) - last.keypoints[7][:, None]))
    assert np.median(near) < SIDE / 2


def test_a_sequence_depends_on_its_number_alone(renderer: SequenceRenderer) -> None:
    one, other = (list(renderer.frames(3, 2)[1]) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.joints, b.joints)
    another = next(renderer.frames(4, 2)[1])
    assert not np.array_equal(another.joints, one[0].joints)


def test_frames_are_evenly_spaced(frames: list[RenderedFrame]) -> None:
    numbers = [frame.frame_idx for frame in frames]
    assert numbers[1] - numbers[0] == numbers[2] - numbers[1] >= 2
    np.testing.assert_allclose([f.seconds for f in frames], np.array(numbers) / 30)


def found_near(frame: RenderedFrame) -> FoundPose:
    return FoundPose(
        frame.joints + np.float32(0.05), np.full(17, 0.9, np.float32), frame.keypoints + 1
    )


def test_frames_in_which_somebody_else_or_nobody_is_found_are_left_out(
    frames: list[RenderedFrame],
) -> None:
    far = found_near(frames[1])._replace(keypoints=frames[1].keypoints + SIDE / 3)
    answers = iter([None, far, found_near(frames[2])])
    pairs = pairs_of("07_01_s000000", frames, lambda _: next(answers))
    assert pairs.frame_idx.tolist() == [frames[2].frame_idx]
    hips = frames[2].joints[[11, 12]].mean(0)
    np.testing.assert_allclose(pairs.ground_truth[0], frames[2].joints - hips, atol=1e-6)
    np.testing.assert_allclose(pairs.corrupted[0], pairs.ground_truth[0], atol=1e-6)
    np.testing.assert_allclose(pairs.camera_relative[0], -hips, atol=1e-6)
    nobody = pairs_of("07_01_s000001", frames, lambda _: None)
    assert len(nobody) == 0


def test_sequences_are_put_into_the_split_of_their_clip(
    tmp_path: Path, renderer: SequenceRenderer
) -> None:
    (tmp_path / "cmu").mkdir()
    write_clip(tmp_path / "cmu" / "07_01.bvh", {})
    (tmp_path / "model.task").write_bytes(b"x")
    settings = settings_of(5, SIDE, 2, tmp_path / "cmu", tmp_path / "model.task")
    root = tmp_path / "pairs"
    claim(root, settings)
    claim(root, settings)
    assert make_sequence(root, 2, settings, renderer, lambda _: None) == 0
    assert list(done_sequences(root)) == [2]
    assert len(read_pairs(root / "training" / "07_01_s000002.npz")) == 0
    with pytest.raises(InvalidInputError, match="choose another folder"):
        claim(root, settings_of(6, SIDE, 2, tmp_path / "cmu", tmp_path / "model.task"))
    (root / "pairs.json").write_text("{")
    with pytest.raises(InvalidInputError, match="damaged"):
        claim(root, settings)
    assert [split_of(name) for name in ("02_05", "01_01", "13_30")] == [
        "test",
        "validation",
        "training",
    ]


def test_clips_are_read_and_marked(tmp_path: Path) -> None:
    for name in ("02_01", "07_01"):
        write_clip(tmp_path / f"{name}.bvh", {})
    clips = read_clips(tmp_path, lambda name: split_of(name) == "training")
    assert [(one.name, one.varied) for one in clips] == [("02_01", False), ("07_01", True)]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match=r"no \.bvh"):
        read_clips(tmp_path / "empty")


def test_variations_bend_hinges_only_further_or_less() -> None:
    rng = np.random.default_rng(0)
    joints = np.random.default_rng(1).normal(size=(24, 3))
    capsules = Capsules(joints, np.zeros((48, 3)), np.arange(48) % 24)
    poses = rng.normal(0, 0.3, (4, 24, 3))
    changed = [varied(rng, poses, capsules) for _ in range(20)]
    assert any(np.array_equal(one, poses) for one in changed), "some stay as they were recorded"
    other = next(one for one in changed if not np.array_equal(one, poses))
    for joint in (4, 5, 18, 19):  # knees and elbows
        across = np.cross(other[:, joint], poses[:, joint])
        np.testing.assert_allclose(across, 0, atol=1e-9)
    for joint in (7, 10, 20):  # ankle, foot, wrist
        np.testing.assert_array_equal(other[:, joint], poses[:, joint])
    assert np.abs(other[:, 1] - poses[:, 1]).max() > 0.01


def test_a_library_has_the_proportions_of_people() -> None:
    library = make_library([clip("07_01", True)], 3, seed=1)
    assert library.joints.shape == (3, 8, 17, 3)
    forearms = np.linalg.norm(library.joints[:, :, 9] - library.joints[:, :, 7], axis=-1)
    assert ((forearms > 0.15) & (forearms < 0.35)).all()
    # Rigid: the length does not change over a sequence.
    assert np.ptp(forearms, axis=1).max() < 0.03
    assert (library.joints[:, :, 0, 1] > library.joints[:, :, 11, 1]).all(), "the nose is above"
    assert (np.diff(library.seconds, axis=1) > 0).all()
