"""Cutting, casting and projecting, against shapes whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.synthetic.bodies import Floats, Ints, vertex_normals
from training.synthetic.cameras import Camera
from training.synthetic.garments import clip
from training.synthetic.render import Mesh, Renderer
from training.synthetic.shading import Lighting, shade, srgb
from training.synthetic.waves import Waves


def grid(num: int) -> tuple[Floats, Ints]:
    """The unit square in the plane z = 0 as 2 num^2 triangles that face +Z."""
    x, y = np.meshgrid(np.linspace(0, 1, num + 1), np.linspace(0, 1, num + 1))
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=-1).astype(np.float32)
    corner = np.arange(num)[:, None] * (num + 1) + np.arange(num)
    a, b = corner.ravel(), corner.ravel() + 1
    c, d = a + num + 1, b + num + 1
    return vertices, np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)])


def load(renderer: Renderer, *parts: tuple[Floats, Ints]) -> Mesh:
    """Body, cloth and props, each with its own vertices."""
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in parts)])
    faces = np.concatenate([f + start for (_, f), start in zip(parts, starts, strict=False)])
    body, worn, end = np.cumsum([len(f) for _, f in parts]).tolist()
    return renderer.load(np.concatenate([v for v, _ in parts]), faces, (body, worn, end))


NOTHING = (np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64))


def area(vertices: Floats, faces: Ints) -> float:
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float(np.linalg.norm(cross, axis=1).sum() / 2)


@given(angle=st.floats(0, 6.28), offset=st.floats(-0.6, 0.6))
def test_clipping_keeps_exactly_the_part_on_the_positive_side(angle: float, offset: float) -> None:
    vertices, faces = grid(5)
    normal = np.array([np.cos(angle), np.sin(angle)])
    values = (vertices[:, :2] - 0.5) @ normal + offset
    pairs, share, cut = clip(faces, values)
    points = vertices[pairs[:, 0]] * (1 - share) + vertices[pairs[:, 1]] * share
    if len(cut):
        assert ((points[:, :2] - 0.5) @ normal + offset).min() > -1e-5
        # No triangle is turned over.
        assert vertex_normals(points, cut)[:, 2].min() > -1e-6
    fine = (np.stack(np.meshgrid(*[(np.arange(400) + 0.5) / 400] * 2), -1) - 0.5) @ normal + offset
    assert area(points, cut) == pytest.approx((fine > 0).mean(), abs=0.01)


def test_normals_of_a_sphere_point_away_from_its_centre() -> None:
    trimesh = pytest.importorskip("trimesh")
    sphere = trimesh.creation.icosphere(subdivisions=3)
    normals = vertex_normals(np.asarray(sphere.vertices, np.float32), np.asarray(sphere.faces))
    np.testing.assert_allclose(normals, sphere.vertices, atol=0.02)


def test_a_point_on_the_ray_through_a_pixel_projects_into_it() -> None:
    camera = Camera(focal=80.0, size=(48, 64))
    column, row = 50, 7
    ray = np.array([(column + 0.5 - 32) / 80, -(row + 0.5 - 24) / 80, -1])
    pixels = camera.project(np.stack([ray * 0.5, ray * 9]))
    np.testing.assert_allclose(pixels, [[column + 0.5, row + 0.5]] * 2, atol=1e-4)


@pytest.mark.parametrize("samples", [1, 2])
def test_a_square_is_seen_where_it_projects_and_the_nearer_one_wins(samples: int) -> None:
    camera = Camera(focal=64.0, size=(48, 64))
    vertices, faces = grid(1)
    # At a distance of 4 a metre is 16 pixels.
    body = vertices + np.array([-1, -1, -4], np.float32)
    cloth = vertices * 0.5 + np.array([-1, -1, -3.9], np.float32)
    renderer = Renderer("cpu")
    mesh = load(renderer, (body, faces), (cloth, faces), NOTHING)
    hits = renderer.draw(mesh, camera, samples)
    expected = np.zeros((48 * samples, 64 * samples), bool)
    expected[24 * samples : 40 * samples, 16 * samples : 32 * samples] = True
    np.testing.assert_array_equal(hits.naked, expected)
    seen = np.full(expected.shape, -1)
    seen.flat[hits.pixels] = hits.faces
    assert seen[38 * samples, 18 * samples] in (2, 3)  # cloth is in front of the lower left
    assert seen[26 * samples, 30 * samples] in (0, 1)  # and nothing of the upper right
    points = np.einsum(
        "pc,pcd->pd",
        hits.barycentric,
        np.concatenate([body, cloth])[np.concatenate([faces, faces + 4])[hits.faces]],
    )
    projected = camera.project(points)
    rows, columns = np.unravel_index(hits.pixels, expected.shape)
    np.testing.assert_allclose(projected[:, 0], (columns + 0.5) / samples, atol=1e-3)
    np.testing.assert_allclose(projected[:, 1], (rows + 0.5) / samples, atol=1e-3)


def test_it_sees_what_a_ray_caster_sees() -> None:
    """Every ray against every triangle: Moeller and Trumbore, 1997."""
    rng = np.random.default_rng(0)
    camera = Camera(focal=30.0, size=(24, 32))

    def soup(num: int) -> tuple[Floats, Ints]:
        centres = rng.uniform([-1.5, -1.2, -6], [1.5, 1.2, -2], (num, 1, 3))
        corners = centres + rng.normal(0, 0.4, (num, 3, 3))
        return corners.reshape(-1, 3).astype(np.float32), np.arange(3 * num).reshape(num, 3)

    body, cloth, props = soup(30), soup(40), soup(20)
    renderer = Renderer("cpu")
    hits = renderer.draw(load(renderer, body, cloth, props), camera)
    parts = (body, cloth, props)
    corners = np.concatenate([vertices[faces] for vertices, faces in parts]).astype(float)
    rays = camera.rays().reshape(-1, 3).astype(float)
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(rays[:, None], two)
    determinant = (across * one).sum(-1)
    u = (across * -corners[:, 0]).sum(-1) / determinant
    v = (np.cross(-corners[:, 0], one) * rays[:, None]).sum(-1) / determinant
    t = (np.cross(-corners[:, 0], one) * two).sum(-1) / determinant
    distance = np.where((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0), t, np.inf)
    expected = np.where(np.isfinite(distance.min(1)), distance.argmin(1), -1)
    seen = np.full(len(rays), -1)
    seen[hits.pixels] = hits.faces
    # A ray through an edge may go either way.
    assert (seen == expected).mean() > 0.99
    without_cloth = np.delete(distance, np.s_[30:70], axis=1)
    naked = np.isfinite(without_cloth.min(1)) & (without_cloth.argmin(1) < 30)
    assert (hits.naked.ravel() == naked).mean() > 0.99
    assert 0 < naked.sum() < naked.size


def test_a_prop_in_front_hides_the_person_naked_and_dressed() -> None:
    camera = Camera(focal=64.0, size=(48, 64))
    vertices, faces = grid(1)
    body = vertices + np.array([-0.5, -0.5, -4], np.float32)
    before = vertices * np.array([0.2, 1, 1], np.float32) + np.array([-0.1, -0.5, -3], np.float32)
    after = before - np.array([0, 0, 2], np.float32)
    renderer = Renderer("cpu")
    free, hidden = (
        renderer.draw(load(renderer, (body, faces), NOTHING, (prop, faces)), camera)
        for prop in (after, before)
    )
    assert free.hidden == 0
    assert hidden.hidden == pytest.approx(0.25, abs=0.05)  # a fifth of the width, nearer by 4 / 3
    assert free.naked[24, 32]
    assert not hidden.naked[24, 32]
    assert hidden.naked[24, 26]
    assert hidden.faces[hidden.pixels == 24 * 64 + 32] >= 2


def test_what_stands_in_the_way_of_the_light_casts_a_shadow() -> None:
    vertices, faces = grid(1)
    floor = vertices[:, [0, 2, 1]] * np.array([4, 1, -4]) + np.array([-2, -1, -2])
    roof = vertices[:, [0, 2, 1]] * np.array([2, 1, -4]) + np.array([-2, 0.9, -2])
    light = np.array([0, 1, 0], np.float32)
    renderer = Renderer("cpu")
    scene = ((part.astype(np.float32), faces) for part in (floor, roof))
    shadows = renderer.light_map(load(renderer, *scene, NOTHING), light)
    x = np.linspace(-1.8, 1.8, 19).astype(np.float32)
    points = np.stack([x, np.full(19, -1), np.full(19, -4)], -1).astype(np.float32)
    lit = renderer.receive(shadows, points, softness=0.05)
    np.testing.assert_array_equal(lit[np.abs(x) > 0.1], (x > 0)[np.abs(x) > 0.1])
    above = points + np.array([0, 3, 0], np.float32)
    np.testing.assert_array_equal(renderer.receive(shadows, above, softness=0.05), 1)
    far = points + np.array([50, 0, 0], np.float32)
    np.testing.assert_array_equal(renderer.receive(shadows, far, softness=0.05), 1)


def test_a_surface_that_faces_the_light_is_brighter_than_one_that_does_not() -> None:
    one = np.ones(3, np.float32)
    up = np.array([0, 1.0, 0])
    light = Lighting(np.array([0, 0, 1.0]), one * 0.5, one * 0.1, one * 0.1, up, one * 0)
    normals = np.array([[0, 0, 1.0], [0.8, 0, 0.6], [1, 0, 1e-3]])
    views = np.array([[0, 0, 1.0]] * 3)
    colours, gloss = np.full((3, 3), 0.5), np.zeros(3)
    seen = shade(colours, normals, views, np.ones(3), gloss, light)
    assert seen[0, 0] > seen[1, 0] > seen[2, 0] > 0
    unlit = shade(colours, normals, views, np.zeros(3), gloss, light)
    np.testing.assert_allclose(unlit, srgb(np.full((3, 3), 0.05)), atol=1e-6)


@pytest.mark.parametrize(
    ("linear", "encoded"), [(0, 0), (0.0031308, 0.04045), (0.2140, 0.5), (1, 1)]
)
def test_srgb_takes_the_standards_values(linear: float, encoded: float) -> None:
    assert srgb(np.array([linear])) == pytest.approx(encoded, abs=2e-4)


@given(st.integers(0, 10_000))
def test_waves_stay_between_minus_one_and_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = Waves.sample(rng)(rng.normal(size=(50, 3)).astype(np.float32))
    assert np.abs(values).max() <= 1
    assert np.ptp(values) > 0
