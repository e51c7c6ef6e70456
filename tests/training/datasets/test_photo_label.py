from collections.abc import Callable

import numpy as np
import pytest

from training.datasets.known_people import KnownPeople, KnownPerson
from training.datasets.mediapipe_people import FoundPerson, PeopleDetector
from training.datasets.photo_label import NOBODY, UNKNOWN_PERSON, label_photo

Draw = Callable[..., np.ndarray]
Figure = Callable[[tuple[int, int, int, int]], np.ndarray]
Known = Callable[..., KnownPerson]
BOX = (100, 20, 160, 180)


@pytest.fixture
def known(figure: Figure) -> Callable[..., KnownPerson]:
    """Somebody whom the photo's labels mark."""

    def person(box: tuple[int, int, int, int], *outline: np.ndarray) -> KnownPerson:
        points = figure(box)
        points[:, :2] /= [300, 200]
        shares = np.array(box, np.float32) / [300, 200, 300, 200]
        return KnownPerson(shares.astype(np.float32), points, outline)

    return person


def test_without_labels_what_is_found_counts(detect: PeopleDetector, draw: Draw) -> None:
    label = label_photo(draw(BOX), None, detect)
    assert (label.ids[20:180, 100:160] == 1).all()
    assert (label.ids[:, :90] == NOBODY).all()
    (person,) = label.people
    assert person.box.tolist() == list(BOX)
    assert person.source == "mediapipe"
    assert not label.nobody


def test_without_labels_and_findings_nothing_is_known(detect: PeopleDetector, draw: Draw) -> None:
    label = label_photo(draw(), None, detect)
    assert (label.ids == UNKNOWN_PERSON).all()
    assert label.people == ()
    assert not label.nobody


def test_a_photo_of_nobody_is_not_looked_at(draw: Draw) -> None:
    def never(image: np.ndarray) -> list[FoundPerson]:
        raise AssertionError

    label = label_photo(draw(BOX), KnownPeople(nobody=True), never)
    assert label.nobody
    assert not label.ids.any()


def test_a_mask_counts_where_it_fits_the_labels(
    detect: PeopleDetector, draw: Draw, known: Known
) -> None:
    label = label_photo(draw(BOX), KnownPeople((known(BOX),)), detect)
    assert (label.ids[20:180, 100:160] == 1).all()
    assert label.people[0].source == "mediapipe"
    assert label.people[0].score == 1


@pytest.mark.parametrize(
    "marked", [(100, 20, 260, 180), (10, 60, 60, 180)], ids=["another box", "elsewhere"]
)
def test_the_box_of_somebody_whom_no_mask_fits_is_unknown(
    detect: PeopleDetector, draw: Draw, known: Known, marked: tuple[int, int, int, int]
) -> None:
    label = label_photo(draw(BOX), KnownPeople((known(marked),)), detect)
    left, top, right, bottom = marked
    assert (label.ids[top:bottom, left:right] == UNKNOWN_PERSON).all()
    assert label.people[0].source == "box"
    # Whom nobody has marked is unknown, and no background either.
    assert (label.ids[20:180, 100:160] == UNKNOWN_PERSON).all()
    assert (label.ids[:10] == NOBODY).all()


def test_joints_that_do_not_fit_the_labels_are_refused(
    detect: PeopleDetector, draw: Draw, known: Known
) -> None:
    person = known(BOX)
    assert person.keypoints is not None
    upside_down = person.keypoints.copy()
    upside_down[:, 1] = 1 - upside_down[:, 1]
    people = KnownPeople((KnownPerson(person.box, upside_down),))
    assert label_photo(draw(BOX), people, detect).people[0].source == "box"


def test_an_outline_counts_where_nothing_is_found(draw: Draw, known: Known) -> None:
    corners = np.array([(100, 20), (160, 20), (160, 180), (100, 180)], np.float32) / [300, 200]
    people = KnownPeople((known(BOX, corners.astype(np.float32)),))
    label = label_photo(draw(), people, lambda image: [])
    assert (label.ids[25:175, 105:155] == 1).all()
    assert (label.ids[:, :95] == NOBODY).all()
    assert label.ids[100, 100] == UNKNOWN_PERSON
    assert label.people[0].source == "outline"


def test_where_outline_and_mask_differ_is_unknown(
    detect: PeopleDetector, draw: Draw, known: Known
) -> None:
    corners = np.array([(100, 20), (160, 20), (160, 160), (100, 160)], np.float32) / [300, 200]
    people = KnownPeople((known((100, 20, 160, 160), corners.astype(np.float32)),))
    label = label_photo(draw(BOX), people, detect)
    assert label.people[0].source == "outline+mediapipe"
    assert (label.ids[25:155, 105:155] == 1).all()
    assert (label.ids[161:166, 105:155] == UNKNOWN_PERSON).all()


def test_crowds_are_unknown(detect: PeopleDetector, draw: Draw, known: Known) -> None:
    crowd = np.array([0.8, 0.5, 1, 1], np.float32)
    label = label_photo(draw(BOX), KnownPeople((known(BOX),), (crowd,)), detect)
    assert (label.ids[100:, 240:] == UNKNOWN_PERSON).all()
    assert (label.ids[:90, 240:] == NOBODY).all()


def test_below_a_mask_without_visible_ankles_nothing_is_known(draw: Draw, figure: Figure) -> None:
    def legless(image: np.ndarray) -> list[FoundPerson]:
        red = (image[..., 0] == 255) & (image[..., 1] == 0)
        rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
        if not rows.size:
            return []
        keypoints = figure((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
        keypoints[-2:, 2] = 0.1
        return [FoundPerson(keypoints, red * np.uint8(255), 0.9)]

    label = label_photo(draw((100, 20, 160, 140)), None, legless)
    assert (label.ids[20:140, 100:160] == 1).all()
    assert (label.ids[142:155, 100:160] == UNKNOWN_PERSON).all()
    assert (label.ids[170:] == NOBODY).all()


def test_people_beside_each_other_have_their_own_numbers(
    detect: PeopleDetector, draw: Draw
) -> None:
    label = label_photo(draw((20, 20, 80, 180), (200, 30, 250, 170)), None, detect)
    assert len(label.people) == 2
    assert (label.ids[20:180, 20:80] == 1).all()
    assert (label.ids[30:170, 200:250] == 2).all()
