import dataclasses

import numpy as np
import pytest

from app.codecs.faces import Topology
from app.codecs.overlay import OPACITY, SeenMesh, draw_meshes
from app.codecs.trust_legend import with_legend
from model.mesh_confidence.colours import trust_colours

SQUARE = Topology(np.array([[0, 1, 2], [0, 2, 3]], np.int32), 4, ())
IMAGE = np.full((60, 80, 3), 40, np.uint8)


def square(depth: float, half: float = 1.0, x: float = 0.0, tilt: float = 0.0) -> SeenMesh:
    """A square that faces the camera, its right side further away by `tilt`."""
    corners = [[-half, -half], [half, -half], [half, half], [-half, half]]
    vertices = np.array([[a + x, b, depth + tilt * (a > 0)] for a, b in corners], np.float32)
    return SeenMesh(vertices, 40.0, (40.0, 30.0))


def drawn(*meshes: SeenMesh) -> np.ndarray:
    changed: np.ndarray = (draw_meshes(IMAGE, list(meshes), SQUARE) != IMAGE).any(axis=2)
    return changed


def test_a_square_covers_the_pixels_whose_middles_are_inside() -> None:
    # 40 px * 1 m / 2.5 m on either side of (40, 30).
    expected = np.zeros((60, 80), bool)
    expected[14:46, 24:56] = True
    np.testing.assert_array_equal(drawn(square(2.5)), expected)


def test_triangles_are_drawn_as_a_slow_loop_draws_them() -> None:
    rng = np.random.default_rng(0)
    vertices = rng.uniform([-0.8, -0.6, 1.0], [0.8, 0.6, 2.0], (12, 3)).astype(np.float32)
    topology = Topology(np.arange(12, dtype=np.int32).reshape(4, 3), 12, ())
    found = draw_meshes(IMAGE, [SeenMesh(vertices, 40.0, (40.0, 30.0))], topology)
    points = vertices[:, :2] * 40 / vertices[:, 2:] + [40, 30]
    for row in range(60):
        for column in range(80):
            inside = False
            for face in topology.faces:
                a, b, c = points[face] - [column + 0.5, row + 0.5]
                signs = [np.sign(p[0] * q[1] - p[1] * q[0]) for p, q in ((a, b), (b, c), (c, a))]
                inside |= abs(sum(signs)) == 3
            assert (found[row, column] != IMAGE[row, column]).any() == inside


def test_what_is_nearer_hides_what_is_further_whatever_the_order() -> None:
    near, far = square(2.0, 0.3, tilt=0.2), square(3.0, 1.0)
    one, other = (draw_meshes(IMAGE, list(order), SQUARE) for order in ((near, far), (far, near)))
    np.testing.assert_array_equal(one, other)
    alone = draw_meshes(IMAGE, [near], SQUARE)
    covered = (alone != IMAGE).any(axis=2)
    np.testing.assert_array_equal(one[covered], alone[covered])


def test_surfaces_that_cross_are_cut_where_they_cross() -> None:
    flat, crossing = square(2.0, 0.9), square(1.5, 0.9, tilt=1.0)
    both = draw_meshes(IMAGE, [flat, crossing], SQUARE)
    only_flat, only_crossing = (draw_meshes(IMAGE, [one], SQUARE) for one in (flat, crossing))
    middle = both[30]
    # The tilted one is nearer on the left and further on the right.
    np.testing.assert_array_equal(middle[26], only_crossing[30, 26])
    np.testing.assert_array_equal(middle[54], only_flat[30, 54])


def test_what_is_beside_or_behind_the_picture_is_not_drawn() -> None:
    assert not drawn(square(2.0, 0.2, x=5)).any()
    assert not drawn(square(-2.0)).any()
    assert not drawn().any()


def test_the_photo_shines_through() -> None:
    bright = np.full_like(IMAGE, 240)
    difference = draw_meshes(bright, [square(2.5)], SQUARE).astype(float) - draw_meshes(
        IMAGE, [square(2.5)], SQUARE
    )
    assert difference[30, 40] == pytest.approx((1 - OPACITY) * 200, abs=1)


def test_a_mesh_may_have_colours_of_its_own() -> None:
    flat = square(2.5)
    # Left green, right blue: in the middle both alike.
    colours = np.array([[0, 200, 0], [0, 0, 200], [0, 0, 200], [0, 200, 0]], np.uint8)
    found = draw_meshes(IMAGE, [dataclasses.replace(flat, colours=colours)], SQUARE)
    plain = draw_meshes(IMAGE, [flat], SQUARE)
    np.testing.assert_array_equal((found != IMAGE).any(2), (plain != IMAGE).any(2))
    left, middle, right = (found[30, column].astype(int) for column in (24, 40, 55))
    assert left[1] > left[2] + 100
    assert right[2] > right[1] + 100
    assert abs(middle[1] - middle[2]) < 10
    assert (left[0], right[0]) == (8, 8)  # 40 under a mesh without red that hides four fifths


def test_the_legend_is_drawn_where_there_is_room_for_it() -> None:
    image = np.full((120, 200, 3), 7, np.uint8)
    shown = with_legend(image)
    assert (shown[: 120 - 40] == 7).all()
    bar = shown[120 - 8 - 5, 8 : 8 + 64]
    np.testing.assert_array_equal(bar[[0, -1]], trust_colours(np.array([0.0, 1.0])))
    small = image[:20, :30]
    np.testing.assert_array_equal(with_legend(small), small)
