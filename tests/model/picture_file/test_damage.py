"""Files of every format, damaged in many ways and places.

The oracle: the pixels are those of the sound file, or the file is refused. What a format without
checksums cannot tell is left out: single bits, and any change where samples are stored as they are.
"""

import io
import random
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidInputError, UnsupportedFormatError
from model.picture_file.reader import decode_picture

LIMIT = 1_000_000
LOSS = 5_000


def scene() -> Image.Image:
    """Smooth areas, edges and noise, so that no format stores it in a few bytes."""
    rows, columns = np.mgrid[:240, :320]
    noise = np.random.default_rng(0).normal(0, 6, (240, 320))
    waves = 127 + 80 * np.sin(rows / 17) + 40 * np.cos(columns / 9)
    stripes = 120 * ((columns // 40 + rows // 30) % 2)
    stacked = np.stack([waves + noise, stripes + noise + 60, columns / 2 + noise], -1)
    return Image.fromarray(np.clip(stacked, 0, 255).astype(np.uint8))


def encoded(file_format: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    scene().convert(mode).save(buffer, file_format, **options)
    return buffer.getvalue()


SOUND: dict[str, tuple[str, Mapping[str, object]]] = {
    "JPEG": ("JPEG", {"quality": 95}),
    "JPEG optimised": ("JPEG", {"quality": 95, "optimize": True}),
    "JPEG progressive": ("JPEG", {"quality": 95, "progressive": True}),
    "JPEG with restarts": ("JPEG", {"quality": 95, "restart_marker_rows": 1}),
    "JPEG of inks": ("JPEG", {"quality": 95, "mode": "CMYK"}),
    "PNG": ("PNG", {}),
    "PNG of a palette": ("PNG", {"mode": "P"}),
    "WebP": ("WebP", {"quality": 95}),
    "WebP lossless": ("WebP", {"lossless": True}),
    "GIF": ("GIF", {}),
    "BMP": ("BMP", {}),
    "AVIF": ("AVIF", {"quality": 95, "speed": 10}),
    "TIFF": ("TIFF", {}),
    "TIFF by LZW": ("TIFF", {"compression": "tiff_lzw"}),
    "TIFF by deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF by JPEG": ("TIFF", {"compression": "jpeg", "quality": 95}),
    "TIFF by PackBits": ("TIFF", {"compression": "packbits"}),
    "TIFF by fax": ("TIFF", {"compression": "group4", "mode": "1"}),
}
AS_THEY_ARE = ("BMP", "TIFF")
"""Kinds in which any bytes are some pixels."""


def damaged_in_all_places(data: bytes, change: Callable[[bytes, int], bytes]) -> list[bytes]:
    chance = random.Random(0)
    # Not in a header: what it says instead could be true.
    begin = max(700, data.find(b"\xff\xda") + 14 if data.startswith(b"\xff\xd8") else 0)
    places = [chance.randrange(begin, len(data) - LOSS - 2) for _ in range(12)]
    return [change(data, place) for place in places]


CHANGES: dict[str, Callable[[bytes, int], bytes]] = {
    "cut off": lambda data, place: data[:place],
    "without a part": lambda data, place: data[:place] + data[place + LOSS :],
    "with zeros": lambda data, place: data[:place] + bytes(LOSS) + data[place + LOSS :],
    "with another part": lambda data, place: data[: place + LOSS] + data[place:],
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", SOUND)
def test_lost_image_data_are_refused(kind: str, change: str) -> None:
    file_format, options = SOUND[kind]
    data = encoded(file_format, **options)  # type: ignore[arg-type]
    if kind in AS_THEY_ARE and change in ("with zeros", "with another part"):
        pytest.skip("any bytes are pixels")
    if kind == "AVIF" and change == "with another part":
        pytest.skip("nothing tells")
    expected = decode_picture(data, LIMIT)
    passed = []
    for number, damaged in enumerate(damaged_in_all_places(data, CHANGES[change])):
        try:
            pixels = decode_picture(damaged, LIMIT)
        except (InvalidInputError, UnsupportedFormatError):
            continue
        if not np.array_equal(pixels, expected):
            passed.append(number)
    assert passed == []


def test_no_bit_of_a_png_changes_unseen() -> None:
    data = encoded("PNG")
    expected = decode_picture(data, LIMIT)
    chance = random.Random(1)
    for _ in range(300):
        damaged = bytearray(data)
        damaged[chance.randrange(8, len(data))] ^= 1 << chance.randrange(8)
        try:
            pixels = decode_picture(bytes(damaged), LIMIT)
        except (InvalidInputError, UnsupportedFormatError):
            continue
        np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("kind", ["PNG", "PNG of a palette"])
def test_a_png_with_all_rows_is_read_without_its_end(kind: str) -> None:
    file_format, options = SOUND[kind]
    data = encoded(file_format, **options)  # type: ignore[arg-type]
    expected = decode_picture(data, LIMIT)
    for num_lost in (4, 12, 14, 16):  # of IEND; all of it; of the checksum of the pixels; all of it
        np.testing.assert_array_equal(decode_picture(data[:-num_lost], LIMIT), expected)


def test_a_png_is_read_whatever_its_texts_hold() -> None:
    data = encoded("PNG")
    header, rest = data[:33], data[33:]
    for junk in (b"\0\0\0\4tEXtabcdNONE", b"\0\0\0\4zTXta\0\0xNONE"):
        np.testing.assert_array_equal(
            decode_picture(header + junk + rest, LIMIT), decode_picture(data, LIMIT)
        )


@pytest.mark.parametrize("kind", SOUND)
def test_sound_files_are_read_with_anything_behind_them(kind: str) -> None:
    file_format, options = SOUND[kind]
    data = encoded(file_format, **options)  # type: ignore[arg-type]
    more = data + (b"" if kind == "AVIF" else b"more")
    np.testing.assert_array_equal(decode_picture(more, LIMIT), decode_picture(data, LIMIT))


@pytest.mark.parametrize("lossless", [False, True])
def test_sound_webps_of_all_kinds_need_their_last_bytes(lossless: bool) -> None:
    chance = random.Random(0)
    for method in range(7):
        for colour in (None, "white", "grey"):
            box = (0, 0, chance.randrange(16, 320), chance.randrange(16, 240))
            picture = scene().crop(box) if colour is None else Image.new("RGB", box[2:], colour)
            buffer = io.BytesIO()
            options = {"lossless": lossless, "method": method, "quality": chance.randrange(100)}
            picture.save(buffer, "WebP", **options)
            assert decode_picture(buffer.getvalue(), LIMIT).shape == (box[3], box[2], 3)
