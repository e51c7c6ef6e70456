"""Poses from motion capture: limbs point where the clip's do, and joints bend as joints can."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from model.errors import InvalidInputError
from model.skeletons import SMPL_24_JOINT_NAMES, SMPL_24_PARENTS
from training.datasets.bvh import Motion, read_bvh
from training.synthetic.bodies import Floats
from training.synthetic.motion import MotionPoses, motion_digest
from training.synthetic.retarget import retarget
from training.synthetic.scene import Synthesizer

INDEX = {name: index for index, name in enumerate(SMPL_24_JOINT_NAMES)}
# Name, parent and offset; hips, trunk and head, then each side's limbs mirrored.
TRUNK = [
    ("hip", None, (0, 0, 0)),
    ("abdomen", "hip", (0, 20, 0)),
    ("chest", "abdomen", (0, 12, 0)),
    ("neck", "chest", (0, 22, 0)),
    ("head", "neck", (0, 7, 0)),
]
LIMBS = [
    ("Collar", "chest", (2.7, 19, -4)),
    ("Shldr", "Collar", (9, 0, 0)),
    ("ForeArm", "Shldr", (28, -1, 0)),
    ("Hand", "ForeArm", (22, 0, 5)),
    ("Mid1", "Hand", (8, 1, 3)),
    ("Thigh", "hip", (9, 2, 0)),
    ("Shin", "Thigh", (0, -37, 1)),
    ("Foot", "Shin", (0, -45, -5)),
]


def skeleton() -> list[tuple[str, str | None, tuple[float, float, float]]]:
    bones: list[tuple[str, str | None, tuple[float, float, float]]] = list(TRUNK)
    for side, sign in (("l", 1), ("r", -1)):
        for name, parent, (x, y, z) in LIMBS:
            above = parent if parent in ("chest", "hip") else f"{side}{parent}"
            bones.append((f"{side}{name}", above, (sign * x, y, z)))
    return bones


def write_clip(path: Path, turns: dict[str, tuple[float, float, float]], num: int = 2) -> None:
    """A still clip; turns are degrees about Z, X and Y in that order."""
    bones, order, lines = skeleton(), [], ["HIERARCHY"]

    def write(name: str, depth: int) -> None:
        offset = next(o for n, _, o in bones if n == name)
        order.append(name)
        lines.append(f"{'ROOT' if depth == 0 else 'JOINT'} {name}\n{{")
        lines.append("OFFSET {} {} {}".format(*offset))
        lines.append("CHANNELS 3 Zrotation Xrotation Yrotation")
        children = [n for n, p, _ in bones if p == name]
        for child in children:
            write(child, depth + 1)
        if not children:
            lines.append("End Site\n{\nOFFSET 0 0 9\n}")
        lines.append("}")

    write("hip", 0)
    row = " ".join(str(a) for name in order for a in turns.get(name, (0, 0, 0)))
    lines += ["MOTION", f"Frames: {num}", "Frame Time: 0.0333", *[row] * num]
    path.write_text("\n".join(lines))


def posed(tmp_path: Path, **turns: tuple[float, float, float]) -> tuple[Motion, Floats]:
    write_clip(tmp_path / "01_01.bvh", turns)
    motion = read_bvh(tmp_path / "01_01.bvh")
    return motion, retarget(motion, "01_01.bvh")[0]


def world(pose: Floats) -> list[Rotation]:
    turned: list[Rotation] = []
    for vector, parent in zip(pose, SMPL_24_PARENTS, strict=True):
        local = Rotation.from_rotvec(vector)
        turned.append(local if parent < 0 else turned[parent] * local)
    return turned


def test_a_clip_at_rest_is_nearly_the_t_pose(tmp_path: Path) -> None:
    _, pose = posed(tmp_path)
    assert np.rad2deg(np.linalg.norm(pose, axis=1)).max() < 15


def test_arms_point_where_the_clips_arms_point(tmp_path: Path) -> None:
    turns = {"lShldr": (-70.0, 10.0, 40.0), "lForeArm": (5.0, 15.0, -60.0)}
    motion, pose = posed(tmp_path, **turns)
    rotations = motion.global_rotations()[0]
    arm = world(pose)
    for bone, end, joint in (("lShldr", "lForeArm", "shoulder"), ("lForeArm", "lHand", "elbow")):
        offset = motion.offsets[motion.names.index(end)]
        wanted = rotations[motion.names.index(bone)] @ offset / np.linalg.norm(offset)
        np.testing.assert_allclose(arm[INDEX[f"left_{joint}"]].apply([1, 0, 0]), wanted, atol=1e-5)


def test_a_bent_elbow_turns_about_its_hinge_alone(tmp_path: Path) -> None:
    """However the clip twists the upper arm and the forearm."""
    turns = {"lShldr": (-60.0, 70.0, 0.0), "lForeArm": (0.0, 80.0, -90.0)}
    _, pose = posed(tmp_path, **turns)
    axis = pose[INDEX["left_elbow"]]
    angle = np.linalg.norm(axis)
    assert np.rad2deg(angle) > 60
    assert axis[1] / angle < -0.93  # the left forearm comes forwards about -Y


def test_wrists_and_the_head_stay_within_limits(tmp_path: Path) -> None:
    turns = {"rHand": (90.0, 120.0, 60.0), "lHand": (-80.0, -100.0, 0.0), "head": (0.0, 0.0, 140.0)}
    _, pose = posed(tmp_path, **turns)
    for side in ("left", "right"):
        assert np.rad2deg(np.linalg.norm(pose[INDEX[f"{side}_wrist"]])) < 70
    assert np.rad2deg(np.linalg.norm(pose[INDEX["head"]])) < 41


def test_a_bent_knee_takes_the_shin_backwards(tmp_path: Path) -> None:
    _, pose = posed(tmp_path, lThigh=(0.0, -40.0, 0.0), lShin=(0.0, 70.0, 0.0))
    assert np.rad2deg(pose[INDEX["left_knee"], 0]) == pytest.approx(70, abs=8)
    assert np.rad2deg(pose[INDEX["left_hip"], 0]) == pytest.approx(-40, abs=8)


def test_the_heading_is_taken_off_and_the_tilt_is_kept(tmp_path: Path) -> None:
    _, pose = posed(tmp_path, hip=(0.0, 0.0, 120.0))
    assert np.linalg.norm(pose[0]) < 1e-5
    _, pose = posed(tmp_path, hip=(0.0, 30.0, 0.0))
    np.testing.assert_allclose(np.rad2deg(pose[0]), [30, 0, 0], atol=1e-4)


def test_mirrored_clips_give_mirrored_poses(tmp_path: Path) -> None:
    _, one = posed(tmp_path, lShldr=(-50.0, 20.0, 30.0), lForeArm=(0.0, 10.0, -70.0))
    _, two = posed(tmp_path, rShldr=(50.0, 20.0, -30.0), rForeArm=(0.0, 10.0, 70.0))
    for name in ("shoulder", "elbow", "wrist"):
        mirrored = two[INDEX[f"right_{name}"]] * [1, -1, -1]
        np.testing.assert_allclose(one[INDEX[f"left_{name}"]], mirrored, atol=1e-5)


def test_held_out_subjects_are_never_read(tmp_path: Path, synthesizer: Synthesizer) -> None:
    write_clip(tmp_path / "02_01.bvh", {"lShldr": (-70, 0, 0), "rShldr": (70, 0, 0)})
    digest = motion_digest(tmp_path)
    for subject in ("09", "12", "14"):
        (tmp_path / f"{subject}_01.bvh").write_text("not read")
    assert motion_digest(tmp_path) == digest
    poses = MotionPoses(tmp_path)
    pose = poses.sample(np.random.default_rng(0), synthesizer.subject(0).capsules)
    assert pose.activity == "motion capture"
    assert not pose.seated
    np.testing.assert_array_equal(pose.axis_angle[0], 0)


def test_a_folder_without_clips_and_a_clip_without_bones_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        MotionPoses(tmp_path / "none")
    with pytest.raises(InvalidInputError, match=r"holds no \.bvh file"):
        MotionPoses(tmp_path)
    write_clip(tmp_path / "02_01.bvh", {})
    path = tmp_path / "02_01.bvh"
    path.write_text(path.read_text().replace("lShin", "calf"))
    with pytest.raises(InvalidInputError, match=r"02_01\.bvh lacks the bones lShin"):
        MotionPoses(tmp_path)


def test_half_of_the_pictures_take_their_pose_from_the_folder(tmp_path: Path) -> None:
    raised = {"lShldr": (70.0, 0.0, 0.0), "rShldr": (-70.0, 0.0, 0.0)}
    write_clip(tmp_path / "02_01.bvh", raised)
    synthesizer = Synthesizer(seed=1, device="cpu", poses=tmp_path)
    subject = synthesizer.subject(0)
    up = 0
    for number in range(12):
        frame = synthesizer.frame(subject, (0, number), (32, 32))
        left = world(frame.pose.reshape(24, 3))
        body = left[0].inv() * left[INDEX["left_shoulder"]]
        up += bool(body.apply([1, 0, 0])[1] > 0.85)
    assert 3 <= up <= 9
