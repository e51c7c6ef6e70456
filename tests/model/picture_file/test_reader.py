import io
import random
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from model.errors import InvalidInputError, PictureTooLargeError, UnsupportedFormatError
from model.picture_file.reader import FORMATS, decode_picture, sniff_format

LIMIT = 1_000_000


def encoded(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF"])
def test_lossless_pictures_come_back_exactly(photo: Image.Image, file_format: str) -> None:
    pixels = decode_picture(encoded(photo, file_format), LIMIT)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.asarray(photo))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_exif_orientation_is_made_upright(
    photo: Image.Image, file_format: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(photo, file_format, exif=exif, **options)
    with Image.open(io.BytesIO(data)) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    np.testing.assert_array_equal(decode_picture(data, LIMIT), expected)


def test_broken_exif_leaves_the_picture_as_it_is(photo: Image.Image) -> None:
    data = encoded(photo, "WEBP", lossless=True, exif=b"Exif\0\0XXXXnonsense")
    np.testing.assert_array_equal(decode_picture(data, LIMIT), np.asarray(photo))


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    deep = np.linspace(0, 65535, 32 * 32).astype(np.uint16).reshape(32, 32)
    for file_format in ("PNG", "TIFF"):
        pixels = decode_picture(encoded(Image.fromarray(deep), file_format), LIMIT)
        np.testing.assert_array_equal(pixels[..., 0], np.rint(deep / 257))
        np.testing.assert_array_equal(pixels[..., 0], pixels[..., 2])


def test_transparency_is_laid_on_white() -> None:
    red = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    red.paste((255, 0, 0, 255), (0, 0, 10, 20))
    red.paste((255, 0, 0, 128), (10, 0, 15, 20))
    pixels = decode_picture(encoded(red), LIMIT)
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, 12].tolist() == [255, 127, 127]
    assert pixels[0, 19].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_becomes_white(mode: str) -> None:
    picture = Image.new("L", (20, 20), 7)
    picture.paste(9, (0, 0, 10, 20))
    picture = picture.convert(mode)
    key = (7, 7, 7) if mode == "RGB" else picture.getpixel((19, 0))
    pixels = decode_picture(encoded(picture, transparency=key), LIMIT)
    assert pixels[0, 19].tolist() == [255, 255, 255]
    assert pixels[0, 0].tolist() == [9, 9, 9]


def test_cmyk_becomes_the_colours_that_viewers_show(photo: Image.Image) -> None:
    data = encoded(photo.convert("CMYK"), "TIFF")
    np.testing.assert_allclose(decode_picture(data, LIMIT), np.asarray(photo), atol=1)


@pytest.mark.parametrize("file_format", ["WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_many_counts(photo: Image.Image, file_format: str) -> None:
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(
        photo, file_format, save_all=True, append_images=[ImageOps.invert(photo)], **options
    )
    np.testing.assert_array_equal(decode_picture(data, LIMIT), np.asarray(photo))


def test_samples_of_32_bits_are_refused(photo: Image.Image) -> None:
    for mode in ("I", "F"):
        with pytest.raises(UnsupportedFormatError, match="32-bit"):
            decode_picture(encoded(photo.convert("L").convert(mode), "TIFF"), LIMIT)


def test_the_pixels_are_counted_before_anything_is_decoded(photo: Image.Image) -> None:
    data = encoded(photo)
    assert decode_picture(data, 48 * 40).shape == (40, 48, 3)
    with pytest.raises(PictureTooLargeError, match=r"48x40, 1920 pixels; at most 1919"):
        decode_picture(data, 48 * 40 - 1)
    with pytest.raises(PictureTooLargeError):
        decode_picture(data[:60], 48 * 40 - 1)


def test_the_content_tells_the_format() -> None:
    for name in FORMATS:
        assert sniff_format(encoded(Image.new("RGB", (16, 16)), name)) == name
    for data in (b"hello", b"%PDF-1.7"):
        with pytest.raises(UnsupportedFormatError, match="JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF"):
            sniff_format(data)
    with pytest.raises(InvalidInputError, match="0 bytes"):
        sniff_format(b"")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_mutated_files_never_raise_anything_unexpected(photo: Image.Image) -> None:
    small = photo.resize((20, 24))
    exif = Image.Exif()
    exif[0x0112] = 6
    sources = [
        encoded(small.convert(mode), file_format, **options)
        for (file_format, mode), options in product(
            [
                *(("JPEG", mode) for mode in ("RGB", "L", "CMYK")),
                *(("PNG", mode) for mode in ("RGB", "P", "RGBA", "LA")),
                *(("WEBP", mode) for mode in ("RGB", "RGBA")),
                *(("BMP", mode) for mode in ("RGB", "P")),
                *(("GIF", mode) for mode in ("P", "L")),
                *(("TIFF", mode) for mode in ("RGB", "L", "CMYK", "1")),
            ],
            [{}, {"exif": exif}],
        )
        if file_format not in ("BMP", "GIF") or not options
    ]
    chance = random.Random(0)
    outcomes: Counter[str] = Counter()
    for _ in range(1500):
        data = bytearray(chance.choice(sources))
        for _ in range(chance.choice([1, 2, 8])):
            data[chance.randrange(min(len(data), chance.choice([40, 300, 10**6])))] ^= (
                1 << chance.randrange(8)
            )
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        try:
            pixels = decode_picture(bytes(data), LIMIT)
        except (InvalidInputError, PictureTooLargeError, UnsupportedFormatError) as error:
            outcomes[type(error).__name__] += 1
        else:
            assert pixels.ndim == 3
            outcomes["decoded"] += 1
    assert min(outcomes["decoded"], outcomes["InvalidInputError"]) > 100


def test_no_other_code_opens_picture_files_of_users(repo_root: Path) -> None:
    masks_and_labels = {"training/datasets/photo.py"}
    in_memory = {"training/datasets/photometry.py", "training/synthetic/camera_effects.py"}
    found = {
        path.relative_to(repo_root).as_posix()
        for package in ("app", "model", "training")
        for path in (repo_root / package).rglob("*.py")
        if "Image.open(" in path.read_text() or "simplejpeg.decode" in path.read_text()
    }
    elsewhere = {name for name in found if not name.startswith("model/picture_file/")}
    assert elsewhere == masks_and_labels | in_memory
