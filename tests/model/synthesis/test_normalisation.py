import numpy as np
import pytest

from model.errors import InvalidInputError
from model.synthesis.limbs import POINT_NAMES
from model.synthesis.normalisation import Stance, normalise
from model.synthesis.skeletons import Skeletons

ANKLES = [POINT_NAMES.index(f"{side}_ankle") for side in ("left", "right")]


def moved(skeletons: Skeletons, scale: float, right: float, down: float) -> Skeletons:
    """The same person farther away, or elsewhere in the picture."""
    shift = np.array([right, down], np.float32)
    return Skeletons((skeletons.points * scale + shift).astype(np.float32))


def walking(skeletons: Skeletons) -> Skeletons:
    """Towards the camera and back: larger and lower in the picture, then again smaller."""
    near = np.sin(np.linspace(0, np.pi, len(skeletons)))[:, None, None]
    points = skeletons.points - np.array([0.5, 0.86], np.float32)
    placed = points * (0.5 + 0.5 * near) + [0.5, 0.6] + near * [0, 0.3]
    return Skeletons(placed.astype(np.float32))


def test_a_driver_who_is_the_person_seen_otherwise_gets_the_persons_own_skeletons(
    dancer: Skeletons,
) -> None:
    driver = moved(dancer, 0.6, 0.25, 0.1)
    found = normalise(driver, Stance.of(driver), Stance.of(dancer))
    np.testing.assert_allclose(found.points, dancer.points, atol=1e-5)


def test_one_who_comes_nearer_in_another_picture_comes_as_near_in_the_persons(
    dancer: Skeletons,
) -> None:
    person = walking(dancer)
    driver = moved(person, 0.5, 0.1, 0.3)
    found = normalise(driver, Stance.of(driver), Stance.of(person))
    np.testing.assert_allclose(found.points, person.points, atol=0.02)


def test_nobody_is_moved_by_their_own_stance(dancer: Skeletons) -> None:
    stance = Stance.of(dancer)
    np.testing.assert_allclose(normalise(dancer, stance, stance).points, dancer.points, atol=1e-6)
    again = Stance.from_numbers(stance.numbers())
    np.testing.assert_allclose(again.numbers(), stance.numbers())


def test_depth_is_scaled_with_the_plane() -> None:
    landmarks = np.random.default_rng(0).uniform(0, 1, (8, 33, 3)).astype(np.float32)
    landmarks[:, 0, 1], landmarks[:, 27:29, 1] = 0.1, 0.9
    skeletons = Skeletons.of(landmarks)
    stance = Stance.of(skeletons)
    target = Stance(
        stance.far, stance.near, stance.far_height / 2, stance.near_height / 2, stance.centre
    )
    found = normalise(skeletons, stance, target)
    assert found.landmarks is not None
    np.testing.assert_allclose(found.landmarks[..., 2], landmarks[..., 2] / 2, rtol=1e-4)
    np.testing.assert_allclose(found.points[:, 0], found.landmarks[:, 0, :2], atol=1e-6)


def test_who_never_stands_upright_is_refused(dancer: Skeletons) -> None:
    on_the_head = Skeletons((1 - dancer.points).astype(np.float32))
    with pytest.raises(InvalidInputError, match="nobody stands upright"):
        Stance.of(on_the_head)
