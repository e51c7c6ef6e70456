import numpy as np
import pytest

from model.skeletons import COCO_17_NAMES
from training.photos.labelled_photos import LabelledPhoto
from training.photos.limbs import stature_of
from training.photos.photo_label import LabelledPerson
from training.reporting.photo_benchmarks import (
    HEAD_LENGTH,
    LEGS,
    Number,
    calibrated_views,
    everyday_people,
    found_on_limbs,
    pck_h,
    side_by_side,
    turned,
    without_people,
)

SIZE = (200, 160)


def standing(left: float = 50, top: float = 20, height: float = 160) -> np.ndarray:
    """Keypoints of somebody upright with hanging arms, 0.4 times as wide as tall."""
    across = {"shoulder": 0.1, "elbow": 0.14, "wrist": 0.16, "hip": 0.05, "knee": 0.06}
    down = {"shoulder": 0.18, "elbow": 0.36, "wrist": 0.52, "hip": 0.5, "knee": 0.74}
    points = np.zeros((17, 3), np.float32)
    for number, name in enumerate(COCO_17_NAMES):
        side, _, joint = name.partition("_")
        sign = {"left": 1, "right": -1}.get(side, 0)
        x, y = across.get(joint, 0.03), down.get(joint, 0.97 if joint == "ankle" else 0.08)
        points[number] = left + height * (0.2 + sign * x), top + height * y, 1
    return points


def photo(keypoints: np.ndarray, box: tuple[int, int, int, int]) -> LabelledPhoto:
    ids = np.zeros(SIZE, np.uint8)
    ids[box[1] : box[3], box[0] : box[2]] = 1
    image = np.repeat(ids[..., None] * np.uint8(255), 3, axis=2)
    person = LabelledPerson(np.array(box, np.float32), keypoints, 1.0, "mediapipe")
    return LabelledPhoto(image, ids, ids * np.uint8(255), (person,), False)


def white(image: np.ndarray) -> np.ndarray:
    """A network that takes white for the body."""
    confidence: np.ndarray = (image[..., 0] > 127).astype(np.float32)
    return confidence


def test_the_share_of_a_limb_is_that_of_its_pixels() -> None:
    found = np.zeros(SIZE, bool)
    keypoints = standing()
    hip, ankle = (keypoints[COCO_17_NAMES.index(f"left_{j}"), 1] for j in ("hip", "ankle"))
    found[: round((hip + ankle) / 2)] = True
    assert found_on_limbs(found, keypoints, LEGS) == pytest.approx(0.5, abs=0.03)
    keypoints[:, 2] = 0.5
    assert found_on_limbs(found, keypoints, LEGS) is None


def test_everyday_people_are_measured_by_limbs_and_by_what_is_away_from_them() -> None:
    large = photo(standing(), (50, 20, 114, 180))
    small = photo(standing(10, 10, 60), (10, 10, 34, 70))
    numbers = everyday_people(white, [large, small])
    assert numbers["limbs"].mean == 1
    assert (numbers["limbs"].num, numbers["large_limbs"].num) == (2, 1)
    assert numbers["away"].mean == 0
    numbers = everyday_people(lambda image: 1 - white(image), [large, small])
    assert numbers["limbs"].mean == 0
    assert numbers["away_lit"].mean == 1


def test_a_person_before_cameras_is_measured_by_arms_and_legs() -> None:
    class Views:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            image = photo(standing(), (50, 20, 114, 180)).image
            image[98:] = 0
            return image, standing()

        def camera(self, index: int) -> int:
            return index

    numbers = calibrated_views(white, Views())
    assert numbers["arms"].mean > 0.85
    assert numbers["legs"].mean < 0.1
    assert numbers["limbs"].num == 2


def test_pictures_without_people_count_where_more_than_a_hundredth_is_lit() -> None:
    dark = np.zeros((*SIZE, 3), np.uint8)
    bright = dark.copy()
    bright[:20] = 255
    numbers = dict(without_people(white, {"streets": [dark, dark, dark, bright]}))
    assert list(numbers) == ["streets"]
    assert numbers["streets"]["lit"].mean == pytest.approx(0.1 / 4)
    assert numbers["streets"]["too_lit"].mean == 0.25


def test_pictures_without_people_count_by_source_and_together() -> None:
    dark = np.zeros((*SIZE, 3), np.uint8)
    numbers = dict(without_people(white, {"streets": [dark], "rooms": iter([255 - dark, dark])}))
    too_lit = {name: (of["too_lit"].mean, of["too_lit"].num) for name, of in numbers.items()}
    assert too_lit == {
        "streets": (0, 1),
        "rooms": (0.5, 2),
        "all of nobody": (pytest.approx(1 / 3), 3),
    }


def test_a_network_that_sees_whatever_side_is_up_has_an_iou_of_one() -> None:
    picture = photo(standing(), (50, 20, 114, 180)).image
    numbers = turned(white, [picture])
    assert {name: number.mean for name, number in numbers.items()} == {
        **{"turned_90": 1, "turned_180": 1, "turned_270": 1, "turned": 1}
    }

    def upper_half(image: np.ndarray) -> np.ndarray:
        half = np.zeros(image.shape[:2], np.float32)
        half[: len(half) // 2] = 1
        return half

    numbers = turned(upper_half, [picture])
    assert numbers["turned_180"].mean == 0
    assert numbers["turned_90"].mean == pytest.approx(1 / 3, abs=0.01)


def test_both_of_two_people_side_by_side_must_be_found() -> None:
    one = photo(standing(), (50, 20, 114, 180))
    assert side_by_side(white, [one, one])["both_found"].mean == 1

    def left(image: np.ndarray) -> np.ndarray:
        confidence = white(image)
        confidence[:, image.shape[1] // 2 :] = 0
        return confidence

    assert side_by_side(left, [one, one])["both_found"].mean == 0


def test_keypoints_are_right_within_half_a_heads_length() -> None:
    keypoints = standing()
    reach = 0.5 * HEAD_LENGTH * stature_of(keypoints)
    moved = keypoints.copy()
    moved[0, 0] += 1.1 * reach
    moved[1, 0] += 0.9 * reach
    one = photo(keypoints, (50, 20, 114, 180))
    assert pck_h(lambda image: [np.zeros((17, 3)), moved], [one]).mean == pytest.approx(16 / 17)
    assert pck_h(lambda image: [], [one]).mean == 0


def test_numbers_are_means_with_clustered_errors() -> None:
    number = Number.of([0.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"])
    assert number.mean == 0.5
    assert number.standard_error > Number.of([0.0, 0.0, 1.0, 1.0]).standard_error
    assert np.isnan(Number.of([]).mean)
