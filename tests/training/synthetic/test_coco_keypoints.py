"""COCO's keypoints of rendered people: where they are, and which are seen."""

import numpy as np
import pytest

from model.skeletons import COCO_17_NAMES, SMPL_24_JOINT_NAMES
from training.synthetic.bodies import Floats
from training.synthetic.cameras import Camera
from training.synthetic.coco_keypoints import HIDDEN, OUTSIDE, SEEN, CocoKeypoints, Seen, locate
from training.synthetic.scene import Frame, Synthesizer

SIZE = (128, 128)


@pytest.fixture(scope="module")
def frames(synthesizer: Synthesizer) -> list[Frame]:
    return [synthesizer.frame(synthesizer.subject(i), (i, n), SIZE) for i in (0, 1) for n in (0, 1)]


def test_keypoints_of_a_body_in_t_pose_are_where_their_names_say(synthesizer: Synthesizer) -> None:
    body = synthesizer.subject(1).body
    coco = CocoKeypoints(synthesizer._source.coco_weights)
    points = dict(zip(COCO_17_NAMES, coco.points(body.surface), strict=True))
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        for side in ("left", "right"):
            name = f"{side}_{part}"
            limit = 0.1 if part == "hip" else 0.05  # COCO's hips lie aside of the joints
            assert np.linalg.norm(points[name] - body.joint(name)) < limit, name
    assert points["nose"][2] > points["left_eye"][2] > points["left_ear"][2]
    assert points["left_ear"][0] > points["left_eye"][0] > 0.01 > points["nose"][0]
    assert points["left_eye"][1] > points["nose"][1] > body.joint("head")[1]
    np.testing.assert_allclose(points["left_eye"][0], -points["right_eye"][0], atol=0.01)


def test_keypoints_project_near_the_joints_of_the_same_name(frames: list[Frame]) -> None:
    shared = [name for name in COCO_17_NAMES if name in SMPL_24_JOINT_NAMES]
    assert len(shared) == 12
    for frame in frames:
        assert frame.coco_keypoints.shape == (17, 3)
        tall = np.ptp(frame.keypoints[:, 1])
        for name in shared:
            point = frame.coco_keypoints[COCO_17_NAMES.index(name), :2]
            joint = frame.keypoints[SMPL_24_JOINT_NAMES.index(name)]
            assert np.linalg.norm(point - joint) < 0.09 * tall, name


def test_visibility_has_three_values_and_outside_is_outside(frames: list[Frame]) -> None:
    for frame in frames:
        x, y, visibility = frame.coco_keypoints.T
        assert set(np.unique(visibility)) <= {SEEN, HIDDEN, OUTSIDE}
        inside = (x >= 0) & (x < 128) & (y >= 0) & (y < 128)
        np.testing.assert_array_equal(inside, visibility > 0)
    assert np.mean([(frame.coco_keypoints[:, 2] == SEEN).mean() for frame in frames]) > 0.4


SQUARE = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
FACES = np.array([[0, 1, 2], [0, 2, 3]])


def visibility_behind(distance: float, joint: str, num_own: int = 2) -> dict[str, float]:
    """Of keypoints at a depth of 4 m behind a square that `joint` moves."""
    camera = Camera(focal=64.0, size=SIZE)
    points: Floats = np.tile(np.array([0, 0, -4], np.float32), (17, 1))
    pixels = np.arange(128 * 128)
    places = np.tile(np.array([0, 0, distance - 4], np.float32), (len(pixels), 1))
    weights = np.zeros((4, 26), np.float32)
    weights[:, SMPL_24_JOINT_NAMES.index(joint)] = 1
    seen = Seen(pixels, np.zeros(len(pixels), int), places, 1)
    located = locate(camera, points, np.full(17, 0.1), seen, num_own, FACES, weights)
    np.testing.assert_allclose(located[:, :2], 64)
    return dict(zip(COCO_17_NAMES, located[:, 2].tolist(), strict=True))


def test_own_flesh_and_clothes_do_not_hide_a_keypoint_and_a_body_between_does() -> None:
    assert set(visibility_behind(0.05, "spine2").values()) == {SEEN}
    assert set(visibility_behind(0.3, "spine2").values()) == {HIDDEN}
    assert set(visibility_behind(-0.3, "spine2").values()) == {SEEN}


def test_another_limb_hides_a_keypoint_and_its_own_does_not() -> None:
    arm = visibility_behind(0.05, "left_wrist")
    assert arm["left_elbow"] == arm["left_wrist"] == SEEN
    assert arm["left_hip"] == arm["right_elbow"] == arm["nose"] == HIDDEN


def test_a_thing_hides_what_lies_behind_it() -> None:
    assert set(visibility_behind(0.05, "spine2", num_own=0).values()) == {HIDDEN}
    assert set(visibility_behind(-0.05, "spine2", num_own=0).values()) == {SEEN}
