"""What stands around people, and pictures of nobody."""

from collections.abc import Callable

import numpy as np
import pytest

from training.synthetic import furniture
from training.synthetic.cameras import sample_view
from training.synthetic.props import heading
from training.synthetic.scene import Synthesizer
from training.synthetic.solids import Solid
from training.synthetic.surroundings import COMPANIONS, sample_companions, sample_things

STANDING: list[Callable[[np.random.Generator], Solid]] = [
    furniture.table,
    furniture.shelf,
    furniture.plant,
    furniture.suitcase,
    furniture.pram,
    furniture.animal,
    furniture.thing,
    furniture.cycle,
]


@pytest.mark.parametrize("shape", STANDING)
@pytest.mark.parametrize("seed", range(4))
def test_things_stand_on_the_ground(
    shape: Callable[[np.random.Generator], Solid], seed: int
) -> None:
    vertices, faces = shape(np.random.default_rng(seed))
    assert np.isfinite(vertices).all()
    assert faces.min() >= 0
    assert faces.max() < len(vertices)
    assert vertices[:, 1].min() == pytest.approx(0, abs=0.03)
    assert 0.1 < vertices[:, 1].max() < 4


@pytest.mark.parametrize("name", list(furniture.SEATS))
def test_a_seat_carries_at_the_height_that_is_asked_for(name: str) -> None:
    vertices, _ = furniture.SEATS[name](np.random.default_rng(0), 0.5)
    middle = np.linalg.norm(vertices[:, [0, 2]], axis=1) < 0.6
    assert np.abs(vertices[middle, 1] - 0.5).min() < 0.03


def test_companions_stand_by_the_person_and_not_below_the_ground(synthesizer: Synthesizer) -> None:
    joints = synthesizer.frame(synthesizer.subject(0), (0, 0), (32, 32)).joints
    rng = np.random.default_rng(0)
    found = []
    for _ in range(150):
        view = sample_view(rng, (64, 64))
        ground = float((joints @ view.up).min()) - 0.08
        props = sample_companions(rng, joints, bool(rng.integers(2)), ground, view)
        found.append(len(props))
        for prop in props:
            assert (prop.vertices @ view.up).min() > ground - 0.05
    alone = np.mean(np.array(found) == 0)
    assert 0.2 < alone < COMPANIONS["none"]


def test_headings_are_level_and_orthonormal() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        view = sample_view(rng, (64, 64))
        axes = np.stack(heading(view))
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-5)
        np.testing.assert_array_equal(axes[1], view.up)


def test_a_picture_of_nobody_shows_things_and_depends_on_its_numbers_alone(
    synthesizer: Synthesizer,
) -> None:
    one = synthesizer.empty((0, 0), (64, 64))
    assert one.shape == (64, 64, 3)
    assert one.dtype == np.uint8
    synthesizer.frame(synthesizer.subject(0), (0, 0), (32, 32))
    np.testing.assert_array_equal(one, synthesizer.empty((0, 0), (64, 64)))
    assert (one != synthesizer.empty((0, 1), (64, 64))).any()


def test_things_are_of_many_kinds() -> None:
    rng = np.random.default_rng(0)
    view = sample_view(rng, (64, 64))
    sizes = {len(prop.vertices) for _ in range(40) for prop in sample_things(rng, -1.4, view)}
    assert len(sizes) > 30
