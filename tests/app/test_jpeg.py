import io
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import simplejpeg  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from app.codecs.jpeg import decode_common, read_jpeg_header, without_metadata
from app.codecs.uploads import decode_image
from model.errors import InvalidInputError

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
    assert decode_common(data, read_jpeg_header(data)) is not None, "it went the slow way"
    pixels = decode_image(data, LIMIT)
    assert pixels.flags.c_contiguous
    np.testing.assert_allclose(pixels, by_pillow(data), atol=2)


def test_cmyk_is_left_to_pillow() -> None:
    data = jpeg(Image.fromarray(scene(40, 48)).convert("CMYK"))
    assert decode_common(data, read_jpeg_header(data)) is None
    np.testing.assert_array_equal(decode_image(data, LIMIT), by_pillow(data))


def test_the_header_says_how_large_and_how_held() -> None:
    data = COMMON["orientation 6"](Image.fromarray(scene(40, 48)))
    header = read_jpeg_header(data)
    assert (header.size, header.orientation, header.num_scans) == ((40, 48), 6, 1)
    header = read_jpeg_header(COMMON["progressive"](Image.fromarray(scene(40, 48))))
    assert header.num_scans == 10


@pytest.mark.parametrize("kind", ["profile", "comment", "thumbnail", "RGB inside", "grey"])
def test_metadata_can_go_without_a_change_to_the_pixels(kind: str) -> None:
    data = COMMON[kind](Image.fromarray(scene(40, 48)))
    bare = without_metadata(data, read_jpeg_header(data))
    with Image.open(io.BytesIO(data)) as whole, Image.open(io.BytesIO(bare)) as rest:
        assert not {"exif", "icc_profile", "comment"} & rest.info.keys()
        np.testing.assert_array_equal(np.asarray(whole), np.asarray(rest))


def assert_like_pillow(data: bytes) -> None:
    """Read where Pillow reads it, with its pixels; refused where it refuses."""
    try:
        expected = by_pillow(data)
    except (OSError, SyntaxError):
        with pytest.raises(InvalidInputError):
            decode_image(data, LIMIT)
    else:
        np.testing.assert_allclose(decode_image(data, LIMIT), expected, atol=2)


@pytest.mark.parametrize("marker", [0xC3, 0xC5, 0xC9, 0xCA])
def test_other_kinds_of_coding_are_judged_by_pillow(marker: int) -> None:
    data = jpeg(Image.fromarray(scene(40, 48)))
    data = data.replace(b"\xff\xc0", bytes([0xFF, marker]))
    assert decode_common(data, read_jpeg_header(data)) is None
    assert_like_pillow(data)


@pytest.mark.parametrize("kind", ["4:2:0", "progressive", "restarts"])
def test_a_truncated_jpeg_is_refused_wherever_it_ends(kind: str) -> None:
    data = COMMON[kind](Image.fromarray(scene(40, 48)))
    for end in range(20, len(data) - 2, 97):
        with pytest.raises(InvalidInputError, match="JPEG"):
            decode_image(data[:end], LIMIT)
    for missing in (1, 2, 3):
        assert_like_pillow(data[:-missing])


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["4:2:0", "progressive", "restarts", "grey"]),
    st.floats(0.3, 1),
    st.integers(0, 255),
)
def test_damage_among_the_pixels_is_judged_as_pillow_judges_it(
    kind: str, place: float, value: int
) -> None:
    data = bytearray(COMMON[kind](Image.fromarray(scene(40, 48))))
    scan = data.index(b"\xff\xda") + 12
    data[scan + int(place * (len(data) - 3 - scan))] = value
    assert_like_pillow(bytes(data))
