"""Labelled pictures and scenes, against plain geometry."""

import math

import numpy as np
import pytest

from model.silhouette.people import Person
from training.scenes.labelled_picture import (
    ALPHA,
    NAKED,
    OWNER,
    RGB,
    TARGET,
    WEIGHT,
    LabelledPicture,
    Placement,
    placed,
    rendered_picture,
)
from training.scenes.composition import (
    SceneRecipe,
    background_view,
    group,
    paste,
    quarter_turned,
    view,
)

SETTINGS = SceneRecipe()


def pair(height: int = 120, width: int = 80) -> np.ndarray:
    """A person who is an upright box, their body a narrower one."""
    layers = np.zeros((height, width, 5), np.uint8)
    layers[..., :3] = 40
    layers[20:110, 20:60, :3] = (200, 100, 50)
    layers[20:110, 20:60, 3] = 255
    layers[20:110, 30:50, 4] = 255
    return layers


def keypoints() -> np.ndarray:
    points = np.ones((17, 3), np.float32)
    points[:, 0] = np.linspace(32, 48, 17)
    points[:, 1] = np.linspace(24, 106, 17)
    return points


def picture() -> LabelledPicture:
    return rendered_picture(pair(), keypoints())


def nobody(height: int = 120, width: int = 160) -> LabelledPicture:
    layers = np.zeros((height, width, 8), np.uint8)
    layers[..., RGB], layers[..., WEIGHT] = 90, 255
    return LabelledPicture(layers, ())


def test_the_map_of_a_rendered_person_does_not_depend_on_the_picture_around() -> None:
    small = picture()
    wide = np.zeros((300, 400, 5), np.uint8)
    wide[:120, :80] = pair()
    large = rendered_picture(wide, keypoints())
    np.testing.assert_array_equal(large.layers[:120, :80, TARGET], small.layers[..., TARGET])
    assert small.people[0].box.tolist() == [20, 20, 60, 110]


def test_a_picture_placed_as_it_is_stays_as_it_is() -> None:
    one = picture()
    same = placed(one, Placement(1.0, 0.0, (0.0, 0.0), (0.0, 0.0)), one.size)
    np.testing.assert_array_equal(same.layers, one.layers)
    np.testing.assert_array_equal(same.people[0].keypoints, one.people[0].keypoints)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("turn_deg", [0.0, 25.0, -70.0])
@pytest.mark.parametrize("scale", [0.4, 1.0, 1.7])
def test_pixels_and_people_move_alike(scale: float, turn_deg: float, mirror: bool) -> None:
    one = picture()
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


def test_beyond_the_picture_nobody_is_there() -> None:
    there = placed(picture(), Placement(1.0, 0.0, (0.0, 0.0), (50.0, 50.0)), (200, 200))
    assert (there.layers[:50, :, WEIGHT] == 255).all()
    assert not there.layers[:50, :, [ALPHA, NAKED, TARGET, OWNER]].any()
    assert (there.layers[:50, :, RGB] == 128).all()


def test_people_outside_of_the_frame_are_left_out() -> None:
    one = picture()
    assert placed(one, Placement(1.0, 0.0, (0.0, 0.0), (0.0, 0.0)), (15, 15)).people == ()


def test_unknown_pixels_stay_unknown_and_spread_over_their_edges() -> None:
    one = picture()
    one.layers[:, 60:, WEIGHT] = 0
    there = placed(one, Placement(0.5, 0.0, (0.0, 0.0), (0.3, 0.0)), (60, 40))
    assert (there.layers[:, 32:39, WEIGHT] == 0).all()
    assert (there.layers[:, :29, WEIGHT] == 255).all()


def test_whoever_is_in_front_hides_who_is_behind() -> None:
    rng = np.random.default_rng(0)
    frame = nobody()
    size = frame.size
    behind = placed(picture(), Placement(1.0, 0.0, (0.0, 0.0), (0.0, 0.0)), size)
    front = placed(picture(), Placement(1.0, 0.0, (0.0, 0.0), (20.0, 0.0)), size)
    both = paste(paste(frame, behind, rng), front, rng)
    first, second = both.people
    assert first.box.tolist() == [20, 20, 40, 110]
    assert second.box.tolist() == [40, 20, 80, 110]
    # The first one's body (30 to 50) is seen up to 40; the cloth of the other lies over the rest.
    naked = both.layers[60, :, NAKED] > 127
    assert np.flatnonzero(naked).tolist() == [*range(30, 40), *range(50, 70)]
    hidden = first.keypoints[:, 0] >= 40
    assert (first.keypoints[hidden, 2] == 0.5).all()
    assert (first.keypoints[~hidden, 2] == 1).all()


def test_of_a_person_who_is_nearly_hidden_nothing_is_learned() -> None:
    rng = np.random.default_rng(0)
    frame = nobody()
    behind = placed(picture(), Placement(1.0, 0.0, (0.0, 0.0), (0.0, 0.0)), frame.size)
    front = placed(picture(), Placement(1.0, 0.0, (0.0, 0.0), (4.0, 0.0)), frame.size)
    both = paste(paste(frame, behind, rng), front, rng)
    assert [person.score for person in both.people] == [0.0, 1.0]


def test_edges_of_people_cut_out_of_photos_are_unknown() -> None:
    photo = picture()
    photo.layers[40:60, 25:30, WEIGHT] = 0
    photo.layers[:, 58:60, ALPHA] = 128
    frame = nobody()
    there = placed(photo, Placement(1.0, 0.0, (0.0, 0.0), (0.0, 0.0)), frame.size)
    scene = paste(frame, there, np.random.default_rng(0))
    assert (scene.layers[20:110, 58:60, WEIGHT] == 0).all()
    assert (scene.layers[40:60, 25:30, WEIGHT] == 0).all()
    assert scene.layers[80, 40, WEIGHT] == 255


@pytest.mark.parametrize("seed", range(20))
def test_scenes_agree_with_their_labels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = background_view(nobody(), (128, 100), rng, SETTINGS)
    scene = group(frame, [picture()] * int(rng.integers(1, 6)), rng, SETTINGS)
    for number, person in enumerate(scene.people, start=1):
        rows, columns = np.nonzero(scene.layers[..., OWNER] == number)
        if not len(rows):
            assert person.score == 0
            continue
        expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert person.box.tolist() == expected
    assert not (scene.layers[..., NAKED] > 0)[scene.layers[..., ALPHA] == 0].any()


@pytest.mark.parametrize("seed", range(10))
def test_views_hold_a_part_of_the_picture_they_are_of(seed: int) -> None:
    shown = view(picture(), 96, np.random.default_rng(seed), SETTINGS)
    assert max(shown.size) == 96
    assert shown.layers[..., ALPHA].any() == bool(shown.people)


def test_four_quarters_are_a_whole_turn_and_one_moves_a_point_as_its_pixel() -> None:
    one = picture()
    quarter = quarter_turned(one, 1)
    np.testing.assert_array_equal(quarter.layers, np.rot90(one.layers))
    for x, y, _ in quarter.people[0].keypoints:
        assert quarter.layers[int(y), int(x), NAKED] == 255
    assert quarter.people[0].box.tolist() == [20, 20, 110, 60]
    again = quarter_turned(quarter, 3)
    np.testing.assert_allclose(again.people[0].keypoints, one.people[0].keypoints)
    np.testing.assert_array_equal(again.layers, one.layers)


def test_a_share_outside_of_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"whole_fraction is 1\.5"):
        SceneRecipe(whole_fraction=1.5)


def test_a_person_without_pixels_keeps_a_box() -> None:
    """As in a photo in which only a box is labelled."""
    box = np.array([10, 20, 30, 60], np.float32)
    unlabelled = np.full((17, 3), -1, np.float32)
    one = LabelledPicture(nobody().layers, (Person(box, 1.0, unlabelled),))
    there = placed(one, Placement(2.0, 0.0, (0.0, 0.0), (0.0, 0.0)), (240, 320))
    assert there.people[0].box.tolist() == [20, 40, 60, 120]
