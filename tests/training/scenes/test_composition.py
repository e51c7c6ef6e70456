"""Scenes that are composed of labelled pictures, against plain geometry."""

import numpy as np
import pytest

from training.scenes.composition import (
    SceneRecipe,
    background_view,
    group,
    quarter_turned,
    scene_size,
    view,
)
from training.scenes.labelled_picture import (
    ALPHA,
    NAKED,
    OWNER,
    WEIGHT,
    LabelledPicture,
    Placement,
    placed,
)
from training.scenes.pasting import paste

SETTINGS = SceneRecipe()


def test_whoever_is_in_front_hides_who_is_behind(
    picture: LabelledPicture, nobody: LabelledPicture
) -> None:
    rng = np.random.default_rng(0)
    frame = nobody
    size = frame.size
    behind = placed(picture, Placement(1.0, 0.0, (0.0, 0.0), (0.0, 0.0)), size)
    front = placed(picture, Placement(1.0, 0.0, (0.0, 0.0), (20.0, 0.0)), size)
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


def test_of_a_person_who_is_nearly_hidden_nothing_is_learned(
    picture: LabelledPicture, nobody: LabelledPicture
) -> None:
    rng = np.random.default_rng(0)
    frame = nobody
    behind = placed(picture, Placement(1.0, 0.0, (0.0, 0.0), (0.0, 0.0)), frame.size)
    front = placed(picture, Placement(1.0, 0.0, (0.0, 0.0), (4.0, 0.0)), frame.size)
    both = paste(paste(frame, behind, rng), front, rng)
    assert [person.score for person in both.people] == [0.0, 1.0]


def test_edges_of_people_cut_out_of_photos_are_unknown(
    picture: LabelledPicture, nobody: LabelledPicture
) -> None:
    photo = picture
    photo.layers[40:60, 25:30, WEIGHT] = 0
    photo.layers[:, 58:60, ALPHA] = 128
    frame = nobody
    there = placed(photo, Placement(1.0, 0.0, (0.0, 0.0), (0.0, 0.0)), frame.size)
    scene = paste(frame, there, np.random.default_rng(0))
    assert (scene.layers[20:110, 58:60, WEIGHT] == 0).all()
    assert (scene.layers[40:60, 25:30, WEIGHT] == 0).all()
    assert scene.layers[80, 40, WEIGHT] == 255


@pytest.mark.parametrize("seed", range(20))
def test_scenes_agree_with_their_labels(
    seed: int, picture: LabelledPicture, nobody: LabelledPicture
) -> None:
    rng = np.random.default_rng(seed)
    frame = background_view(nobody, (128, 100), rng, SETTINGS)
    scene = group(frame, [picture] * int(rng.integers(1, 6)), rng, SETTINGS)
    for number, person in enumerate(scene.people, start=1):
        rows, columns = np.nonzero(scene.layers[..., OWNER] == number)
        if not len(rows):
            assert person.score == 0
            continue
        expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert person.box.tolist() == expected
    assert not (scene.layers[..., NAKED] > 0)[scene.layers[..., ALPHA] == 0].any()


@pytest.mark.parametrize("seed", range(10))
def test_views_hold_a_part_of_the_picture_they_are_of(seed: int, picture: LabelledPicture) -> None:
    shown = view(picture, 96, np.random.default_rng(seed), SETTINGS)
    assert max(shown.size) == 96
    assert shown.layers[..., ALPHA].any() == bool(shown.people)


@pytest.mark.parametrize("side", [16, 20, 64])
def test_scenes_are_large_enough_to_be_looked_at(side: int) -> None:
    rng = np.random.default_rng(0)
    sizes = [scene_size(side, rng, SETTINGS) for _ in range(50)]
    assert all(max(size) == side for size in sizes)
    assert all(min(size) >= 16 for size in sizes)


def test_four_quarters_are_a_whole_turn_and_one_moves_a_point_as_its_pixel(
    picture: LabelledPicture,
) -> None:
    one = picture
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


@pytest.mark.parametrize("seed", range(20))
def test_a_person_stands_where_the_layers_say(
    seed: int, picture: LabelledPicture, nobody: LabelledPicture
) -> None:
    rng = np.random.default_rng(seed)
    frame = background_view(nobody, (128, 128), rng, SETTINGS)
    scene = group(frame, [picture], rng, SETTINGS)
    red = scene.layers[..., 0].astype(int) - scene.layers[..., 1]
    dressed = scene.layers[..., ALPHA]
    assert (dressed == 255).any()
    assert red[dressed == 255].min() > 20
    assert (red[dressed == 0] == 0).all()
    assert (scene.layers[..., WEIGHT] == 255).all()
    assert (scene.layers[..., OWNER] == (dressed >= 128)).all()


def test_one_of_a_group_is_not_too_small_to_be_learned(
    picture: LabelledPicture, nobody: LabelledPicture
) -> None:
    settings = SceneRecipe(turned_fraction=0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        scene = group(nobody, [picture], rng, settings)
        # Somebody may be cut at the picture's edge, or even stand beside it.
        for person in scene.people:
            _, top, _, bottom = person.box.tolist()
            assert bottom - top >= 0.34 * 120 or top == 0 or bottom == 120


def test_pictures_of_nobody_add_nobody_to_a_group(nobody: LabelledPicture) -> None:
    scene = group(nobody, [nobody, nobody], np.random.default_rng(0), SETTINGS)
    assert scene.people == ()
    np.testing.assert_array_equal(scene.layers, nobody.layers)
