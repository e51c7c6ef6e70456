from collections.abc import Callable

import numpy as np

from training.datasets.boxes import box_of
from training.datasets.mediapipe_people import FoundPerson, PeopleDetector
from training.datasets.people_search import look, look_twice, search_people

Draw = Callable[..., np.ndarray]


def anybody(found: FoundPerson) -> float:
    return found.score


def test_everybody_is_found_once_the_largest_first(detect: PeopleDetector, draw: Draw) -> None:
    image = draw((20, 20, 60, 100), (100, 20, 160, 180), (230, 40, 270, 120))
    search = search_people(detect, image)
    boxes = [box_of(person.mask > 127).tolist() for person in search.people]
    assert boxes[0] == [100, 20, 160, 180]
    assert sorted(boxes[1:]) == [[20, 20, 60, 100], [230, 40, 270, 120]]
    assert not search.doubtful.any()


def test_small_people_are_found_in_tiles(detect: PeopleDetector, draw: Draw) -> None:
    image = draw((130, 90, 145, 126))
    assert detect(image) == []
    (person,) = search_people(detect, image).people
    assert box_of(person.mask > 127).tolist() == [130, 90, 145, 126]


def test_what_is_another_in_the_mirror_is_doubtful(detect: PeopleDetector, draw: Draw) -> None:
    image = draw((100, 20, 160, 180))
    image[20:180, 102] = (0, 0, 255)
    search = search_people(detect, image)
    assert search.people == []
    assert search.doubtful[20:180, 100:130].all()
    assert not search.doubtful[:, :100].any()


def test_a_part_is_looked_at_in_the_photos_coordinates(detect: PeopleDetector, draw: Draw) -> None:
    image = draw((100, 20, 160, 180))
    (person,) = look(detect, image, np.array([80, 10, 200, 200], np.float32))
    (whole,) = detect(image)
    np.testing.assert_allclose(person.keypoints, whole.keypoints)
    np.testing.assert_array_equal(person.mask, whole.mask)


def test_left_stays_left_in_the_mirror(detect: PeopleDetector, draw: Draw) -> None:
    image = draw((100, 20, 160, 180))
    box = np.array([100, 20, 160, 180], np.float32)
    person = look_twice(detect, image, box, anybody)
    assert person is not None
    np.testing.assert_allclose(person.keypoints, detect(image)[0].keypoints, atol=1e-3)
    assert 0.89 < person.score <= 0.9


def test_joints_must_agree_too(draw: Draw) -> None:
    image = draw((100, 20, 160, 180))
    image[:, 299] = 0

    def doubting(picture: np.ndarray) -> list[FoundPerson]:
        # Where the black line is tells whether the picture is mirrored.
        mask = (picture[..., 0] == 255) * np.uint8(255)
        keypoints = np.full((17, 3), 100 if (picture[:, 0] == 0).all() else 10, np.float32)
        keypoints[:, 2] = 1
        return [FoundPerson(keypoints, mask, 0.9)]

    everything = np.array([0, 0, 300, 200], np.float32)
    assert look_twice(doubting, image, everything, anybody) is None


def test_nobody_is_looked_for_in_a_few_pixels(draw: Draw) -> None:
    def never(picture: np.ndarray) -> list[FoundPerson]:
        raise AssertionError

    box = np.array([5, 5, 15, 25], np.float32)
    assert look_twice(never, draw(), box, anybody) is None
