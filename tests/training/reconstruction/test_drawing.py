import numpy as np
import pytest

from model.body.predictor import BodyParameters, BodyPredictor
from training.reconstruction.drawing import overlay, project, projected_mask


def test_points_are_projected_by_a_pinhole() -> None:
    found = project(np.array([[0.5, -0.25, 2.0]]), 100.0, (64.0, 48.0))
    np.testing.assert_allclose(found, [[89.0, 35.5]])


def test_a_triangle_covers_the_pixels_whose_middles_are_inside() -> None:
    pixels = np.array([[2.0, 2.0], [18.0, 2.0], [2.0, 18.0]])
    mask = projected_mask(pixels, np.array([[0, 1, 2]]), (20, 24))
    rows, columns = np.mgrid[:20, :24] + 0.5
    inside = (columns > 2) & (rows > 2) & (columns + rows < 20)
    assert mask.shape == (20, 24)
    assert (mask & inside).sum() == inside.sum()
    # Pillow draws the outline too.
    assert mask.sum() <= inside.sum() + 3 * 17


def test_what_is_outside_the_picture_is_cut_off() -> None:
    pixels = np.array([[-50.0, -50.0], [100.0, -50.0], [-50.0, 100.0]])
    assert projected_mask(pixels, np.array([[0, 1, 2]]), (10, 10)).all()
    assert not projected_mask(pixels + 500, np.array([[0, 1, 2]]), (10, 10)).any()


def test_an_overlay_is_drawn_where_the_mask_is(tiny_body: BodyPredictor) -> None:
    transl = np.array([0, 0, -3.0], np.float32)
    (mesh,) = tiny_body.predict_batch([BodyParameters(np.zeros(10, np.float32), transl=transl)])
    vertices = mesh.vertices * np.array([1, -1, -1])
    pixels = project(vertices, 80.0, (40.0, 40.0))
    image = np.full((80, 80, 3), 200, np.uint8)
    drawn = overlay(image, vertices, tiny_body.faces, pixels)
    changed = (drawn != image).any(-1)
    mask = projected_mask(pixels, tiny_body.faces, (80, 80))
    assert changed.sum() == pytest.approx(mask.sum(), rel=0.05)
    assert not changed[~mask].any()
