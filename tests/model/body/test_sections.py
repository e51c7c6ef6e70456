import numpy as np
import pytest
import trimesh
from scipy.spatial import ConvexHull

from model.body.sections import Part, Planes, place_of_largest
from model.errors import InvalidInputError


def whole(mesh: trimesh.Trimesh) -> Part:
    return Part("thing", np.ones(len(mesh.vertices), bool), np.asarray(mesh.edges_unique))


def test_a_tape_around_a_cylinder_is_as_long_as_its_circle() -> None:
    cylinder = trimesh.creation.cylinder(radius=0.15, height=1.0, sections=720)
    bodies = cylinder.vertices[None][..., [0, 2, 1]]
    girths = whole(cylinder).girths(bodies, Planes.level(np.array([[-0.3, 0.0, 0.2]])))
    np.testing.assert_allclose(girths, 2 * np.pi * 0.15, rtol=1e-4)
    back, front = whole(cylinder).depths(bodies, Planes.level(np.array([[0.1]])))
    assert (back[0, 0], front[0, 0]) == pytest.approx((-0.15, 0.15))


def test_a_tape_across_a_slanted_cylinder_does_not_see_the_slant() -> None:
    cylinder = trimesh.creation.cylinder(radius=0.1, height=2.0, sections=720)
    turn = trimesh.transformations.euler_matrix(0.3, 0.7, -0.4)[:3, :3]
    axis = turn @ [0, 0, 1.0]
    planes = Planes.across(-axis[None], 2 * axis[None], np.array([[0.3, 0.5]]))
    girths = whole(cylinder).girths((cylinder.vertices @ turn.T)[None], planes)
    np.testing.assert_allclose(girths, 2 * np.pi * 0.1, rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("thickness", [1, 0.01])
def test_a_tape_is_as_long_as_the_convex_hull_of_any_section(seed: int, thickness: float) -> None:
    """Also of a star, whose hollows a tape bridges, and of a thin sheet."""
    random = np.random.default_rng(seed)
    star = trimesh.creation.icosphere(subdivisions=3, radius=0.15)
    star.vertices *= random.uniform(0.3, 1, (len(star.vertices), 1)) * [1, 1, thickness]
    bodies = np.stack([star.vertices, star.vertices + np.array([0.4, 0.01, -0.3])])
    levels = np.array([[-0.03, 0.0, 0.02], [-0.02, 0.01, 0.02]])
    girths = whole(star).girths(bodies, Planes.level(levels))
    for body, row, found in zip(bodies, levels, girths, strict=True):
        mesh = trimesh.Trimesh(body, star.faces, process=False)
        for level, girth in zip(row, found, strict=True):
            section = mesh.section(plane_origin=[0, level, 0], plane_normal=[0, 1, 0])
            assert girth == pytest.approx(ConvexHull(section.vertices[:, [0, 2]]).area, abs=5e-4)


def test_a_section_leaves_out_what_is_no_part() -> None:
    one, other = (trimesh.creation.icosphere(radius=0.1) for _ in range(2))
    other.apply_translation([1, 0, 0])
    both = trimesh.util.concatenate([one, other])
    members = both.vertices[:, 0] < 0.5
    edges = np.asarray(both.edges_unique)
    level = Planes.level(np.array([[0.01]]))
    alone = Part("one", members, edges).girths(both.vertices[None], level)
    np.testing.assert_allclose(alone, whole(one).girths(one.vertices[None], level))
    assert whole(both).girths(both.vertices[None], level) > 2


def test_a_plane_that_misses_is_refused() -> None:
    ball = trimesh.creation.icosphere(radius=0.1)
    with pytest.raises(InvalidInputError, match="the thing cannot be measured"):
        whole(ball).girths(ball.vertices[None], Planes.level(np.array([[0.0, 0.2]])))


def test_the_place_of_the_largest_is_the_vertex_of_a_parabola() -> None:
    places = np.linspace(0, 1, 6)[None]
    for vertex in (0.05, 0.37, 0.5, 0.93):
        found = place_of_largest(3 - (places - vertex) ** 2, places)
        assert found == pytest.approx(vertex)
    assert place_of_largest(np.arange(6.0)[None], places) == pytest.approx(0.8)
