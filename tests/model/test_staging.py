import numpy as np
import pytest
import torch

from model.errors import InvalidInputError
from model.image import Letterbox, image_bytes
from model.staging import LetterboxedPictures, MapsOnTheWay, PinnedPictures, preprocess

CPU = torch.device("cpu")


def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    sizes = ((40, 90), (128, 64), (64, 64), (700, 300))
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


def test_the_host_stacks_what_training_sees() -> None:
    prepared = LetterboxedPictures.of(pictures(), 64)
    for image, row, letterbox in zip(
        pictures(), prepared.on(CPU), prepared.letterboxes, strict=True
    ):
        expected, where = preprocess(image, 64)
        assert torch.equal(row[None], expected)
        assert letterbox == where


def test_bytes_that_are_letterboxed_on_the_device_become_what_training_sees() -> None:
    """Here the device is the CPU; only memory that CUDA pins is missing."""
    letterboxes = tuple(Letterbox.fit(image.shape[:2], (64, 64)) for image in pictures())
    pixels = tuple(image_bytes(image) for image in pictures())
    sent = PinnedPictures(pictures(), pixels, letterboxes)
    expected = LetterboxedPictures.of(pictures(), 64)
    # Bytes lie otherwise in memory than floats, so another kernel may resize them.
    torch.testing.assert_close(sent.on(CPU), expected.on(CPU), atol=1e-6, rtol=0)


def test_maps_of_the_host_have_arrived_at_once() -> None:
    maps = torch.rand(2, 1, 8, 8)
    raw = MapsOnTheWay.start(maps, ())
    assert raw.sent is None
    assert torch.equal(raw.arrived(), maps)


def test_a_small_picture_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InvalidInputError, match="8x200"):
        LetterboxedPictures.of([np.zeros((200, 8, 3), np.uint8)], 64)
