import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.codecs.png import encode_png

SIZES = st.integers(1, 70)
CONTENTS = ("noise", "constant", "ramp")


def picture(height: int, width: int, channels: int, content: str, seed: int) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    if content == "noise":
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    if content == "constant":
        return np.full(shape, seed % 256, np.uint8)
    ramp = np.arange(int(np.prod(shape))).reshape(shape) * (seed % 7 + 1)
    return ramp.astype(np.uint8)


def assert_exact(pixels: np.ndarray) -> None:
    with Image.open(io.BytesIO(encode_png(pixels)), formats=["PNG"]) as decoded:
        decoded.load()
        assert decoded.mode == ("L" if pixels.ndim == 2 else "RGB")
        np.testing.assert_array_equal(np.asarray(decoded), pixels)


@settings(max_examples=150, deadline=None)
@given(SIZES, SIZES, st.sampled_from([1, 3]), st.sampled_from(CONTENTS), st.integers(0, 2**20))
def test_pillow_decodes_exactly_the_pixels(
    height: int, width: int, channels: int, content: str, seed: int
) -> None:
    assert_exact(picture(height, width, channels, content, seed))


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 5000), (5000, 1), (16, 4000), (700, 900), (1, 2), (2, 1)]
)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("content", CONTENTS)
def test_extreme_and_large_pictures_are_exact_too(
    height: int, width: int, channels: int, content: str
) -> None:
    assert_exact(picture(height, width, channels, content, seed=5))


@pytest.mark.parametrize("layout", ["columns first", "every second", "turned", "read only"])
def test_pixels_need_not_be_contiguous(layout: str) -> None:
    pixels = picture(40, 60, 3, "noise", seed=1)
    if layout == "columns first":
        pixels = np.asfortranarray(pixels)
    elif layout == "every second":
        pixels = pixels[::2, ::2]
    elif layout == "turned":
        pixels = np.rot90(pixels)
    else:
        pixels.setflags(write=False)
    assert_exact(pixels)


def test_the_file_keeps_the_rules_of_the_specification() -> None:
    pixels = picture(9, 7, 3, "noise", seed=2)
    data = encode_png(pixels)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    position, chunks = 8, []
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        name = data[position + 4 : position + 8]
        content = data[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, position + 8 + length)
        assert checksum == zlib.crc32(name + content)
        chunks.append((name, content))
        position += 12 + length
    assert [name for name, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", chunks[0][1]) == (7, 9, 8, 2, 0, 0, 0)
    assert chunks[2][1] == b""
    # Python's own zlib reads the stream to its checksum, and finds every row behind its filter.
    assert len(zlib.decompress(chunks[1][1])) == 9 * (1 + 7 * 3)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4,), (4, 4, 2), (4, 4, 4), (4, 4, 3, 1)])
def test_what_is_no_grey_or_rgb_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="is needed"):
        encode_png(np.zeros(shape, np.uint8))
