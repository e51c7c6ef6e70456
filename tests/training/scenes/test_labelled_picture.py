"""Labelled pictures, and where their pixels and people come to lie in a frame."""

import math

import numpy as np
import pytest

from model.silhouette.confidence import person_confidence
from model.silhouette.people import Person
from training.datasets.labelled_photos import LabelledPhoto
from training.datasets.photo_label import UNKNOWN_PERSON, LabelledPerson
from training.scenes.labelled_picture import (
    ALPHA,
    NAKED,
    OWNER,
    RGB,
    TARGET,
    WEIGHT,
    LabelledPicture,
    Placement,
    photo_picture,
    placed,
    rendered_picture,
    shrunk,
)

UPRIGHT = np.array(
    [
        *[(0.5, 0.08), (0.55, 0.06), (0.45, 0.06), (0.6, 0.07), (0.4, 0.07)],
        *[(0.75, 0.2), (0.25, 0.2), (0.85, 0.35), (0.15, 0.35), (0.9, 0.5), (0.1, 0.5)],
        *[(0.65, 0.5), (0.35, 0.5), (0.65, 0.72), (0.35, 0.72), (0.65, 0.95), (0.35, 0.95)],
    ],
    np.float32,
)
"""COCO's keypoints over the box of somebody who faces the camera."""


def somebody(left: int, top: int, right: int, bottom: int) -> LabelledPerson:
    """Upright; all keypoints are seen."""
    box = np.array([left, top, right, bottom], np.float32)
    points = UPRIGHT * (box[2:] - box[:2]) + box[:2]
    return LabelledPerson(box, np.column_stack([points, np.ones(17, np.float32)]), 1.0, "outline")


def photo() -> LabelledPhoto:
    """Two people of 100 x 40 pixels, and a third of whom nothing but the place is known."""
    ids = np.zeros((120, 200), np.uint8)
    ids[10:110, 10:50], ids[10:110, 70:110], ids[10:110, 140:180] = 1, 2, UNKNOWN_PERSON
    alpha = np.where(ids == UNKNOWN_PERSON, 0, 255 * (ids > 0)).astype(np.uint8)
    people = somebody(10, 10, 50, 110), somebody(70, 10, 110, 110)
    people[1].keypoints[[9, 10], 2] = 0.3, 0.1
    skin = np.zeros(ids.shape, bool)
    skin[20:26, 12:15] = True
    return LabelledPhoto(np.full((120, 200, 3), 77, np.uint8), ids, alpha, people, False, skin)


def test_the_map_of_a_rendered_person_does_not_depend_on_the_picture_around(
    picture: LabelledPicture, pair: np.ndarray, keypoints: np.ndarray
) -> None:
    small = picture
    wide = np.zeros((300, 400, 5), np.uint8)
    wide[:120, :80] = pair
    large = rendered_picture(wide, keypoints)
    np.testing.assert_array_equal(large.layers[:120, :80, TARGET], small.layers[..., TARGET])
    assert small.people[0].box.tolist() == [20, 20, 60, 110]


def test_a_picture_placed_as_it_is_stays_as_it_is(picture: LabelledPicture) -> None:
    one = picture
    same = placed(one, Placement(1.0, 0.0, (0.0, 0.0), (0.0, 0.0)), one.size)
    np.testing.assert_array_equal(same.layers, one.layers)
    np.testing.assert_array_equal(same.people[0].keypoints, one.people[0].keypoints)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("turn_deg", [0.0, 25.0, -70.0])
@pytest.mark.parametrize("scale", [0.4, 1.0, 1.7])
def test_pixels_and_people_move_alike(
    scale: float, turn_deg: float, mirror: bool, picture: LabelledPicture
) -> None:
    one = picture
    placement = Placement(scale, turn_deg, (40.0, 60.0), (120.0, 130.0), mirror)
    there = placed(one, placement, (260, 240))
    (person,) = there.people
    # The centre of the dressed pixels, and the box of the owner's.
    rows, columns = np.nonzero(there.layers[..., ALPHA] > 127)
    centre = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
    angle = math.radians(turn_deg)
    offset = scale * np.array([0.0, 65.0 - 60.0])
    turned = [
        math.cos(angle) * offset[0] + math.sin(angle) * offset[1],
        -math.sin(angle) * offset[0] + math.cos(angle) * offset[1],
    ]
    np.testing.assert_allclose(centre, np.array([120.0, 130.0]) + turned, atol=1.0)
    assert person.box[0] == columns.min()
    assert abs(person.box[3] - rows.max() - 1) <= 1
    # Keypoints stay on the body; in a mirror image left and right are exchanged.
    for x, y, _ in person.keypoints:
        assert there.layers[int(y), int(x), NAKED] > 127
    assert len(rows) == pytest.approx(90 * 40 * scale**2, rel=0.06)


def test_beyond_the_picture_nobody_is_there(picture: LabelledPicture) -> None:
    there = placed(picture, Placement(1.0, 0.0, (0.0, 0.0), (50.0, 50.0)), (200, 200))
    assert (there.layers[:50, :, WEIGHT] == 255).all()
    assert not there.layers[:50, :, [ALPHA, NAKED, TARGET, OWNER]].any()
    assert (there.layers[:50, :, RGB] == 128).all()


def test_people_outside_of_the_frame_are_left_out(picture: LabelledPicture) -> None:
    one = picture
    assert placed(one, Placement(1.0, 0.0, (0.0, 0.0), (0.0, 0.0)), (15, 15)).people == ()


def test_unknown_pixels_stay_unknown_and_spread_over_their_edges(picture: LabelledPicture) -> None:
    one = picture
    one.layers[:, 60:, WEIGHT] = 0
    there = placed(one, Placement(0.5, 0.0, (0.0, 0.0), (0.3, 0.0)), (60, 40))
    assert (there.layers[:, 32:39, WEIGHT] == 0).all()
    assert (there.layers[:, :29, WEIGHT] == 255).all()


def test_a_person_without_pixels_keeps_a_box(nobody: LabelledPicture) -> None:
    """As in a photo in which only a box is labelled."""
    box = np.array([10, 20, 30, 60], np.float32)
    unlabelled = np.full((17, 3), -1, np.float32)
    one = LabelledPicture(nobody.layers, (Person(box, 1.0, unlabelled),))
    there = placed(one, Placement(2.0, 0.0, (0.0, 0.0), (0.0, 0.0)), (240, 320))
    assert there.people[0].box.tolist() == [20, 40, 60, 120]


def test_the_map_of_a_rendered_person_is_the_definition(
    pair: np.ndarray, picture: LabelledPicture
) -> None:
    expected = person_confidence(pair[..., 4] > 127, pair[..., 3] > 127)
    np.testing.assert_array_equal(picture.layers[..., TARGET], np.rint(255 * expected))
    assert (picture.layers[..., WEIGHT] == 255).all()
    np.testing.assert_array_equal(picture.layers[..., OWNER], pair[..., 3] > 127)
    assert picture.is_one_whole_person


def test_a_rendered_picture_of_nobody_has_nobody(pair: np.ndarray) -> None:
    pair[..., 3:] = 0
    empty = rendered_picture(pair, None)
    assert empty.people == ()
    assert not empty.layers[..., TARGET].any()
    assert not empty.is_one_whole_person


def test_keypoints_that_are_not_known_are_not_labelled(pair: np.ndarray) -> None:
    (person,) = rendered_picture(pair, None).people
    assert (person.keypoints[:, 2] < 0).all()


def test_of_a_photo_background_and_body_are_known_and_cloth_is_not() -> None:
    layers = photo_picture(photo()).layers
    known = layers[..., WEIGHT] == 255
    assert (layers[..., WEIGHT][~known] == 0).all()
    everybody = photo().ids > 0
    assert known[~everybody].all()
    assert (layers[..., TARGET][~everybody] == 0).all()
    body = known & everybody
    assert (layers[..., TARGET][body] == 255).all()
    assert (layers[..., NAKED] == layers[..., TARGET]).all()
    # Skin by its label, the middle of the torso by its place; cloth beside it is unknown.
    assert body[20:26, 12:15].all()
    assert body[45, 28:32].all()
    assert not known[45, 11:14].any()
    assert 0.02 < body.sum() / everybody.sum() < 0.5
    assert (layers[..., RGB] == 77).all()


def test_people_of_a_photo_are_numbered_and_the_unknown_one_is_nobody_known() -> None:
    found = photo_picture(photo())
    layers = found.layers
    assert len(found.people) == 2
    assert not found.is_one_whole_person
    assert (layers[10:110, 10:50, OWNER] == 1).all()
    assert (layers[10:110, 70:110, OWNER] == 2).all()
    assert (layers[10:110, 140:180, [ALPHA, OWNER, WEIGHT, TARGET]] == 0).all()
    assert found.people[0].keypoints[:, 2].tolist() == [1.0] * 17
    # Of a wrist that is hardly visible it is known that it is hidden; below that, nothing.
    assert found.people[1].keypoints[[9, 10], 2].tolist() == [0.5, -1.0]


def test_pictures_are_made_smaller_and_never_larger(picture: LabelledPicture) -> None:
    small = shrunk(picture, 60)
    assert small.size == (60, 40)
    assert small.people[0].box.tolist() == [10, 10, 30, 55]
    assert shrunk(picture, 120) is picture
