import numpy as np
import pytest

from training.datasets.backgrounds import paint_over, pull_push


def street(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A bright sky over a textured road, and a red person in front."""
    image = np.full((120, 80, 3), 200, np.float64)
    image[60:] = 90
    image += rng.normal(0, 8, image.shape)
    person = np.zeros((120, 80), bool)
    person[30:100, 32:46] = True
    image[person] = (250, 0, 0)
    return np.clip(image, 0, 255).astype(np.uint8), person


def test_the_person_is_gone_and_the_rest_is_as_it_was(rng: np.random.Generator) -> None:
    image, person = street(rng)
    painted = paint_over(image, person, rng)
    red = painted[..., 0].astype(int) - painted[..., 1]
    assert np.percentile(red[person], 99) < 60
    far = np.ones_like(person)
    far[20:110, 22:56] = False
    assert (painted[far] == image[far]).all()


def test_the_fill_continues_colours_and_texture(rng: np.random.Generator) -> None:
    image, person = street(rng)
    painted = paint_over(image, person, rng).astype(float)
    sky, road = painted[36:50, 34:44], painted[80:95, 34:44]
    assert sky.mean() == pytest.approx(200, abs=15)
    assert road.mean() == pytest.approx(90, abs=15)
    # A blurred ghost would be smooth.
    assert 4 < road.std() < 16


def test_a_street_without_a_person_stays_as_it_is(rng: np.random.Generator) -> None:
    image, person = street(rng)
    assert (paint_over(image, np.zeros_like(person), rng) == image).all()


def test_a_photo_full_of_person_becomes_plain(rng: np.random.Generator) -> None:
    image, person = street(rng)
    painted = paint_over(image, np.ones_like(person), rng)
    assert painted.reshape(-1, 3).std(axis=0).max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 5), (64, 33)])
def test_the_fill_keeps_what_is_known_and_stays_between_its_values(
    shape: tuple[int, int], rng: np.random.Generator
) -> None:
    pixels = rng.random((*shape, 2), np.float32)
    known = (rng.random(shape) < 0.3).astype(np.float32)
    known[0, 0] = 1
    filled = pull_push(pixels, known)
    inside = known > 0
    assert np.allclose(filled[inside], pixels[inside])
    assert filled.min() >= pixels[inside].min() - 1e-5
    assert filled.max() <= pixels[inside].max() + 1e-5


def test_the_fill_of_a_constant_is_that_constant(rng: np.random.Generator) -> None:
    known = (rng.random((50, 31)) < 0.1).astype(np.float32)
    filled = pull_push(np.full((50, 31, 3), 0.7, np.float32), known)
    assert np.allclose(filled, 0.7, atol=1e-5)
