import pytest

from model.skeletons import (
    COCO_17_MIRRORED,
    COCO_17_NAMES,
    MEDIAPIPE_33_NAMES,
    OPENPOSE_18_NAMES,
    OPENPOSE_25_NAMES,
    SKELETONS,
    places_in,
)


@pytest.mark.parametrize("size", SKELETONS)
def test_a_skeleton_has_as_many_distinct_keypoints_as_its_name_says(size: int) -> None:
    assert len(SKELETONS[size]) == len(set(SKELETONS[size])) == size


@pytest.mark.parametrize("names", SKELETONS.values())
def test_every_skeleton_has_all_of_cocos_keypoints(names: tuple[str, ...]) -> None:
    places = places_in(names, COCO_17_NAMES)
    assert tuple(names[place] for place in places) == COCO_17_NAMES


def test_what_a_skeleton_does_not_have_has_no_place() -> None:
    places = places_in(COCO_17_NAMES, OPENPOSE_25_NAMES)
    missing = {name for name, place in zip(OPENPOSE_25_NAMES, places, strict=True) if place == -1}
    assert missing == {"neck", "middle_hip"} | {
        f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel")
    }
    assert places_in(OPENPOSE_18_NAMES, ("neck",)) == (1,)


def test_the_numbers_of_openpose_and_mediapipe_are_those_of_their_documentation() -> None:
    assert [OPENPOSE_18_NAMES.index(f"right_{part}") for part in ("wrist", "ankle")] == [4, 10]
    assert [OPENPOSE_25_NAMES.index(name) for name in ("middle_hip", "left_ankle")] == [8, 14]
    assert [OPENPOSE_25_NAMES.index(name) for name in ("left_ear", "right_heel")] == [18, 24]
    assert MEDIAPIPE_33_NAMES.index("left_heel") == 29


def test_a_mirror_image_of_a_mirror_image_is_the_same() -> None:
    for place, other in enumerate(COCO_17_MIRRORED):
        assert COCO_17_MIRRORED[other] == place
        assert COCO_17_NAMES[other] == COCO_17_NAMES[place].replace("left", "?").replace(
            "right", "left"
        ).replace("?", "right")
