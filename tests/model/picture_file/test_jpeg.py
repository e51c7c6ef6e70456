import io
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import simplejpeg  # type: ignore[import-untyped]
from PIL import Image, ImageOps

from model.errors import InvalidInputError, UnsupportedFormatError
from model.picture_file.jpeg import read_jpeg_header
from model.picture_file.reader import decode_picture

LIMIT = 1_000_000


def scene(height: int, width: int) -> np.ndarray:
    """Gradients, saturated colours, sharp edges and noise."""
    rows, columns = np.mgrid[:height, :width]
    noise = np.random.default_rng(0).integers(0, 60, (height, width))
    stripes = 255 * ((columns // 5 + rows // 7) % 2)
    return np.stack([(rows * 3) % 256, stripes, (columns * 2 + noise) % 256], -1).astype(np.uint8)


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        image.load()
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a maker with a name too long to be told in four bytes"
    return exif


COMMON: dict[str, Callable[[Image.Image], bytes]] = {
    "4:4:4": lambda image: jpeg(image, subsampling="4:4:4"),
    "4:2:2": lambda image: jpeg(image, subsampling="4:2:2"),
    "4:2:0": lambda image: jpeg(image, subsampling="4:2:0"),
    "4:4:0": lambda image: simplejpeg.encode_jpeg(np.array(image), colorsubsampling="440"),
    "4:1:1": lambda image: simplejpeg.encode_jpeg(np.array(image), colorsubsampling="411"),
    "grey": lambda image: jpeg(image.convert("L")),
    "progressive": lambda image: jpeg(image, progressive=True),
    "progressive grey": lambda image: jpeg(image.convert("L"), progressive=True),
    "RGB inside": lambda image: jpeg(image, keep_rgb=True),
    "low quality": lambda image: jpeg(image, quality=5),
    "best quality": lambda image: jpeg(image, quality=100),
    "restarts": lambda image: jpeg(image, restart_marker_blocks=3),
    "optimised": lambda image: jpeg(image, optimize=True),
    "profile": lambda image: jpeg(image, icc_profile=profile()),
    "comment": lambda image: jpeg(image, comment=b"\xff\xda\xff\xd9" * 50),
    "trailing": lambda image: jpeg(image) + bytes(range(256)) * 9,
    "thumbnail": lambda image: jpeg(
        image, exif=b"Exif\0\0" + turned(6).tobytes()[6:] + jpeg(image)
    ),
    **{f"orientation {number}": partial(jpeg, exif=turned(number)) for number in range(10)},
}


@pytest.mark.parametrize("size", [(96, 131), (40, 48), (17, 16), (16, 33)])
@pytest.mark.parametrize("kind", COMMON)
def test_common_jpegs_have_the_pixels_that_pillow_finds(kind: str, size: tuple[int, int]) -> None:
    data = COMMON[kind](Image.fromarray(scene(*size)))
    assert simplejpeg.decode_jpeg(data).shape == (*size, 3), "it went the slow way"
    pixels = decode_picture(data, LIMIT)
    assert pixels.flags.c_contiguous
    np.testing.assert_allclose(pixels, by_pillow(data), atol=2)


@pytest.mark.parametrize("progressive", [False, True])
def test_inks_become_the_colours_that_pillow_finds(progressive: bool) -> None:
    data = jpeg(Image.fromarray(scene(40, 48)).convert("CMYK"), progressive=progressive)
    np.testing.assert_array_equal(decode_picture(data, LIMIT), by_pillow(data))


def test_the_header_says_how_large_and_how_held() -> None:
    data = COMMON["orientation 6"](Image.fromarray(scene(40, 48)))
    header = read_jpeg_header(data)
    assert (header.size, header.orientation, header.is_progressive) == ((40, 48), 6, False)


@pytest.mark.parametrize("precision", [12, 16])
def test_deep_samples_are_named(precision: int) -> None:
    data = jpeg(Image.fromarray(scene(40, 48)))
    data = data.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11" + bytes([precision]))
    with pytest.raises(UnsupportedFormatError, match=f"samples of {precision} bits"):
        decode_picture(data, LIMIT)


WHOLE: dict[str, Callable[[bytes], bytes]] = {
    "no end marker": lambda data: data[:-2],
    "half an end marker": lambda data: data[:-1],
    "bytes behind its end": lambda data: data + b"\xff\xd8\xff\xda" + bytes(99),
    "zeros before its end": lambda data: data[:-2] + bytes(9) + data[-2:],
    "fill bytes before its end": lambda data: data[:-2] + b"\xff\xff" + data[-2:],
    "junk between segments": lambda data: data.replace(b"\xff\xdb", b"junk\xff\xdb"),
    "a damaged profile": lambda data: data[:2] + b"\xff\xe2\0\x10ICC_PROFILE\0\1" + data[2:],
    "a scan without parameters": lambda data: (
        data.replace(b"\x00\x3f\x00", b"\x00\x00\x00", 1) if b"\xff\xc0" in data else data
    ),
}


@pytest.mark.parametrize("kind", ["4:2:0", "progressive", "restarts", "grey"])
@pytest.mark.parametrize("oddity", WHOLE)
def test_a_file_whose_every_pixel_is_there_is_read(kind: str, oddity: str) -> None:
    data = COMMON[kind](Image.fromarray(scene(40, 48)))
    np.testing.assert_array_equal(
        decode_picture(WHOLE[oddity](data), LIMIT), decode_picture(data, LIMIT)
    )


def scans(data: bytes) -> list[int]:
    """Where they begin, tables included; and where the last ends."""
    header = read_jpeg_header(data)
    num_before = next(n for n, one in enumerate(header.segments) if one.marker == 0xDA)
    return [one.end for one in header.segments[num_before:]]


def test_a_progressive_jpeg_without_its_last_scans_is_refused() -> None:
    data = jpeg(Image.fromarray(scene(40, 48)), progressive=True)
    for end in scans(data)[:-1]:
        with pytest.raises(InvalidInputError, match="some of its scans are not there"):
            decode_picture(data[:end] + b"\xff\xd9", LIMIT)


@pytest.mark.parametrize("num_lost", [1, 3, 50])
@pytest.mark.parametrize("kind", ["4:4:4", "4:2:0", "progressive", "restarts", "grey"])
def test_a_jpeg_that_lost_bytes_before_its_end_is_refused(kind: str, num_lost: int) -> None:
    data = COMMON[kind](Image.fromarray(scene(96, 131)))
    with pytest.raises(InvalidInputError, match="JPEG is truncated or damaged"):
        decode_picture(data[: -2 - num_lost] + data[-2:], LIMIT)


def sampled_like_no_other(data: bytes) -> bytes:
    """With chroma of two different sizes, which simplejpeg refuses and Pillow reads."""
    first = data.index(b"\xff\xc0") + 11
    changed = bytearray(data)
    changed[first], changed[first + 3], changed[first + 6] = 0x21, 0x11, 0x21
    return bytes(changed)


def test_what_only_pillow_decodes_may_not_run_out_of_data_either() -> None:
    data = sampled_like_no_other(jpeg(Image.fromarray(scene(64, 64)), subsampling="4:4:4"))
    with pytest.raises(ValueError, match="subsampling"):
        simplejpeg.decode_jpeg(data)
    np.testing.assert_array_equal(decode_picture(data, LIMIT), by_pillow(data))
    with pytest.raises(InvalidInputError, match="premature end of data"):
        decode_picture(data[:900] + b"\xff\xd9", LIMIT)


def test_large_plain_areas_may_be_coded_in_zeros() -> None:
    plain = np.full((1600, 1600, 3), 255, np.uint8)
    plain[:96, :131] = scene(96, 131)
    for progressive in (False, True):
        data = jpeg(Image.fromarray(plain), optimize=True, progressive=progressive)
        assert bytes(1000) in data
        np.testing.assert_allclose(decode_picture(data, 10_000_000), by_pillow(data), atol=2)


@pytest.mark.parametrize("kind", ["best quality", "low quality", "optimised", "progressive"])
def test_zeros_in_place_of_pixels_are_found_wherever_they_are(kind: str) -> None:
    data = COMMON[kind](Image.fromarray(scene(400, 600)))
    for start in range(data.index(b"\xff\xda") + 20, len(data) - 700, 1999):
        damaged = data[:start] + bytes(700) + data[start + 700 :]
        with pytest.raises(InvalidInputError, match="JPEG is"):
            decode_picture(damaged, LIMIT)
