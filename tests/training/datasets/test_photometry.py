"""Changes of colour and sharpness."""

import dataclasses

import numpy as np

from training.datasets.photometry import Photometry, vary

SETTINGS = Photometry()


def test_colours_vary_and_places_do_not(rng: np.random.Generator) -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 20:] = 255
    for _ in range(30):
        varied = vary(image, rng, SETTINGS)
        assert varied.shape == image.shape
        assert varied.dtype == np.uint8
        assert varied[:, :17].mean() + 60 < varied[:, 23:].mean()
    still = Photometry(
        colour=0, grey_probability=0, blur_probability=0, noise_probability=0, jpeg_probability=0
    )
    assert np.array_equal(vary(image, rng, still), image)


def test_grey_pictures_have_no_colour(rng: np.random.Generator) -> None:
    settings = dataclasses.replace(
        SETTINGS, grey_probability=1.0, noise_probability=0.0, jpeg_probability=0.0
    )
    image = rng.integers(0, 256, (30, 30, 3), dtype=np.uint8)
    varied = vary(image, rng, settings).astype(int)
    assert np.ptp(varied, axis=-1).max() <= 1
