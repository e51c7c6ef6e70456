import numpy as np
import pytest

from model.errors import InvalidInputError
from model.mesh_confidence.joints import JOINT_NAMES, LAYOUTS, spine_of, to_joints
from model.skeletons import (
    COCO_17_NAMES,
    LSP_14_MIRRORED,
    MEDIAPIPE_33_NAMES,
    OPENPOSE_18_NAMES,
    OPENPOSE_25_NAMES,
    SMPL_24_JOINT_NAMES,
)


def numbered(names: tuple[str, ...]) -> dict[str, float]:
    return {name: float(number) for number, name in enumerate(names)}


@pytest.mark.parametrize(
    "names",
    [
        COCO_17_NAMES,
        OPENPOSE_18_NAMES,
        SMPL_24_JOINT_NAMES,
        OPENPOSE_25_NAMES,
        MEDIAPIPE_33_NAMES,
        (*OPENPOSE_25_NAMES, *(f"extra_{n}" for n in range(19))),
    ],
    ids=len,
)
def test_every_joint_comes_from_the_points_of_its_name(names: tuple[str, ...]) -> None:
    places = numbered(names)
    points = np.arange(len(names), dtype=np.float32)[None, :, None] * [1, 1, 0.01]
    joints = to_joints(points, "points")[0]
    for name, joint in zip(JOINT_NAMES, joints, strict=True):
        if name == "head":
            name = "nose" if "nose" in places else "head"
        if name == "neck" and "neck" not in places:
            pair = places["left_shoulder"], places["right_shoulder"]
            assert joint[0] == np.mean(pair)
            assert joint[2] == pytest.approx(min(pair) / 100)
        else:
            assert joint[0] == places[name]


def test_an_unknown_number_of_points_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match=r"projected has 13 points; 14 .*17 \(COCO\)"):
        to_joints(np.zeros((1, 13, 2)), "projected")


def test_all_layouts_name_points_that_they_have() -> None:
    for number, (_, sources) in LAYOUTS.items():
        assert len(sources) == len(JOINT_NAMES)
        assert all(0 <= point < number for source in sources for point in source)


def test_mirroring_twice_changes_nothing_and_swaps_sides() -> None:
    assert [LSP_14_MIRRORED[index] for index in LSP_14_MIRRORED] == list(range(14))
    for one, other in zip(JOINT_NAMES, LSP_14_MIRRORED, strict=True):
        swapped = one.replace("left", "?").replace("right", "left").replace("?", "right")
        assert JOINT_NAMES[other] == swapped


def test_the_spine_lies_between_hips_and_neck() -> None:
    joints = np.zeros((14, 2))
    joints[[2, 3]], joints[12] = [[0, 10], [4, 10]], [2, 33]
    np.testing.assert_allclose(spine_of(joints), [2, (10 + 1.3 * 33) / 2.3])
