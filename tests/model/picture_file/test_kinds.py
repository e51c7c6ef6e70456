"""Unusual kinds of pictures: deep, negative, transparent, turned by XMP, and those not read."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidInputError, UnsupportedFormatError
from model.picture_file.reader import decode_picture, picture_size

LIMIT = 1_000_000
ROWS, COLUMNS = np.mgrid[:40, :48]
GREY = (ROWS * 5 + COLUMNS).astype(np.uint8)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def png(samples: np.ndarray, depth: int, colour: int, transparent: tuple[int, ...]) -> bytes:
    """Rows of samples of 1 to 16 bits, one sample or colour of them transparent."""
    bits = np.unpackbits(samples.astype(">u2").view(np.uint8).reshape(len(samples), -1, 2), axis=-1)
    packed = np.packbits(bits[..., 16 - depth :].reshape(len(samples), -1), axis=1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    num_samples = 3 if colour == 2 else 1
    width = samples.shape[1] // num_samples
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(samples), depth, colour, 0, 0, 0)),
            chunk(b"tRNS", struct.pack(f">{num_samples}H", *transparent)),
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        ]
    )


def tiff(
    pixels: bytes, bits: int, order: str = "<", photometric: int = 1, **fields: tuple[int, int]
) -> bytes:
    """48x40, one uncompressed strip; further fields as `name=(tag, value)`."""
    entries = {256: 48, 257: 40, 258: bits, 259: 1, 262: photometric, 273: 300, 277: 1, 278: 40}
    entries |= {279: len(pixels), **dict(fields.values())}
    packed = b"".join(
        struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in sorted(entries.items())
    )
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    return (start + packed + bytes(4)).ljust(300, b"\0") + pixels


def with_xmp(file_format: str) -> bytes:
    picture = Image.fromarray(rgb(GREY))
    if file_format == "PNG":
        data = encoded(picture, "PNG")
        return data[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP) + data[33:]
    options = {"lossless": True} if file_format == "WEBP" else {}
    where = {"tiffinfo": {700: XMP}} if file_format == "TIFF" else {"xmp": XMP}
    return encoded(picture, file_format, **where, **options)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_orientation_in_xmp_turns_no_picture(file_format: str) -> None:
    data = with_xmp(file_format)
    assert XMP in data
    assert decode_picture(data, LIMIT).shape == (40, 48, 3)
    np.testing.assert_allclose(decode_picture(data, LIMIT), rgb(GREY), atol=6)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_becomes_white_at_every_depth(depth: int) -> None:
    largest = 2**depth - 1
    samples = (ROWS + COLUMNS) % min(2**depth, 200) * (257 if depth == 16 else 1)
    transparent = int(samples[0, 1])
    expected = np.where(samples == transparent, 255, np.rint(samples * 255 / largest))
    pixels = decode_picture(png(samples, depth, 0, (transparent,)), LIMIT)
    np.testing.assert_array_equal(pixels, rgb(expected.astype(np.uint8)))


@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_colour_becomes_white_at_every_depth(depth: int) -> None:
    scale = 257 if depth == 16 else 1
    samples = np.stack([GREY, GREY // 2, GREY // 3], -1).astype(np.uint16)
    key = samples[10, 10]
    expected = np.where((samples == key).all(-1, keepdims=True), 255, samples)
    data = png(samples.reshape(40, -1) * scale, depth, 2, tuple(int(k) * scale for k in key))
    np.testing.assert_array_equal(decode_picture(data, LIMIT), expected)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_in_which_zero_is_white_is_no_negative_at_any_depth(order: str) -> None:
    for bits in (1, 8, 16):
        largest = 2**bits - 1
        samples = np.rint(GREY / 255 * largest).astype(np.uint16)
        stored = (largest - samples).astype(np.uint16)
        if bits == 1:
            pixels = np.packbits(stored.astype(np.uint8), axis=1).tobytes()
        else:
            pixels = stored.astype(f"{order}u{bits // 8}").tobytes()
        data = tiff(pixels, bits, order, photometric=0)
        expected = np.rint(samples / largest * 255).astype(np.uint8)
        np.testing.assert_array_equal(decode_picture(data, LIMIT), rgb(expected))


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "float TIFF": (lambda: tiff(bytes(7680), 32, format=(339, 3)), "floating-point 32-bit samples"),
    "half float TIFF": (lambda: tiff(bytes(3840), 16, format=(339, 3)), "floating-point 16-bit"),
    "signed TIFF": (lambda: tiff(bytes(1920), 8, format=(339, 2)), "signed 8-bit samples"),
    "12-bit TIFF": (lambda: tiff(bytes(2880), 12), "12-bit samples"),
    "32-bit TIFF": (lambda: tiff(bytes(7680), 32), "32-bit samples"),
    "BigTIFF": (lambda: b"II+\0\x08\0\0\0" + bytes(40), "a BigTIFF file"),
    "TIFF by LZMA": (lambda: tiff(bytes(99), 8, coded=(259, 34925)), "compression 34925"),
    "PDF": (lambda: b"%PDF-1.7", "a PDF file; JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF are read"),
    "text": (lambda: b"hello world", "a file that begins with 'hello wo'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_read_is_named(case: str) -> None:
    make, words = REFUSED[case]
    with pytest.raises(UnsupportedFormatError, match=words):
        decode_picture(make(), LIMIT)


def test_planes_of_16_bits_are_refused_rather_than_misread() -> None:
    fields = [(256, 48), (257, 40), (259, 1), (262, 2), (277, 3), (278, 40), (284, 2)]
    arrays = {258: (400, (16,) * 3), 273: (420, (500, 4340, 8180)), 279: (440, (3840,) * 3)}
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields]
    entries += [struct.pack("<HHII", tag, 4, 3, place) for tag, (place, _) in arrays.items()]
    data = bytearray(500 + 3 * 3840)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(sorted(entries))
    data[: len(head)] = head
    for place, values in arrays.values():
        struct.pack_into("<3I", data, place, *values)
    with pytest.raises(UnsupportedFormatError, match="separate planes of 16-bit"):
        decode_picture(bytes(data), LIMIT)


def test_the_first_frame_of_a_gif_counts() -> None:
    first = Image.fromarray(GREY)
    data = encoded(first, "GIF", save_all=True, append_images=[first.rotate(180)])
    np.testing.assert_array_equal(decode_picture(data, LIMIT), rgb(GREY))


@pytest.mark.parametrize("file_format", ["GIF", "AVIF"])
def test_transparent_parts_of_a_gif_and_an_avif_become_white(file_format: str) -> None:
    picture = Image.new("RGBA", (48, 40), (200, 30, 30, 255))
    picture.paste((0, 0, 0, 0), (24, 0, 48, 40))
    pixels = decode_picture(encoded(picture, file_format), LIMIT)
    np.testing.assert_allclose(pixels[:, 26:], 255, atol=4)
    np.testing.assert_allclose(pixels[:, :22] - np.array([200, 30, 30.0]), 0, atol=6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_made_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.stack([GREY, GREY[::-1], GREY[:, ::-1]], -1))
    upright = encoded(stored, "TIFF", exif=exif)
    pixels = decode_picture(encoded(stored, "AVIF", quality=100, exif=exif), LIMIT)
    np.testing.assert_allclose(pixels, decode_picture(upright, LIMIT), atol=8)


def test_heic_is_read_where_its_package_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    stored = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], -1)
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(stored)).save(buffer, quality=100, chroma=444)
    data = buffer.getvalue()
    np.testing.assert_allclose(decode_picture(data, LIMIT), stored, atol=6)
    with pytest.raises(InvalidInputError, match="HEIC"):
        decode_picture(data[:-400], LIMIT)
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(UnsupportedFormatError, match=r"habitus\[heif\]"):
        decode_picture(data, LIMIT)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"])
def test_the_size_is_told_without_decoding(file_format: str) -> None:
    data = encoded(Image.fromarray(rgb(GREY)), file_format)
    assert picture_size(data) == (40, 48)
