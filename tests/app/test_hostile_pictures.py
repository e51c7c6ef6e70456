"""Pictures that lie: cheap to send, and dear to whoever believes them."""

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.codecs.uploads import PictureTooLargeError, UnsupportedFormatError, decode_image
from model.errors import InvalidInputError

LIMIT = 1_000_000
GROWTH_MB = 120
"""More than any picture of a million pixels needs, less than any of these asks for."""


def picture() -> Image.Image:
    rows, columns = np.mgrid[:40, :48]
    return Image.fromarray(np.stack([rows * 6, columns * 5, rows + columns], -1).astype(np.uint8))


def encoded(file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture().save(buffer, file_format, **options)
    return buffer.getvalue()


def jpeg_of_size(height: int, width: int) -> bytes:
    data = bytearray(encoded("JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, height, width)
    return bytes(data)


def jpeg_with(segment: bytes) -> bytes:
    data = encoded("JPEG")
    return data[:2] + segment + data[2:]


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg_telling_its_size_twice() -> bytes:
    data = encoded("JPEG")
    start = data.index(b"\xff\xc0")
    frame = bytearray(data[start : start + 19])
    struct.pack_into(">HH", frame, 5, 60_000, 60_000)
    return data[:start] + bytes(frame) + data[start:]


def jpeg_of_many_scans() -> bytes:
    data = encoded("JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * 5_000 + b"\xff\xd9"


def jpeg_of_exif_alone() -> bytes:
    """Pillow would join the parts, copying all that it has for each."""
    return jpeg_with(segment(0xE1, b"Exif\0\0" + bytes(1_000)) * 15_000)


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


ROWS = chunk(b"IDAT", zlib.compress(bytes(48 * 40 * 3 + 40)))


def tiff(fields: list[tuple[int, int, int, int]], rest: bytes = b"") -> bytes:
    """One directory of (tag, type, count, value), and what follows it."""
    entries = b"".join(struct.pack("<HHII", *field) for field in sorted(fields))
    return b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + bytes(4) + rest


def grey_tiff(*changes: tuple[int, int, int, int], rest: bytes = bytes(4000)) -> bytes:
    """48x40, 8 bits, one strip, uncompressed, but for the changes."""
    usual = [(256, 3, 1, 48), (257, 3, 1, 40), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    usual += [(273, 4, 1, 300), (277, 3, 1, 1), (278, 3, 1, 40), (279, 4, 1, 1920)]
    changed = {field[0] for field in changes}
    return tiff([field for field in usual if field[0] not in changed] + list(changes), rest)


def tiled(side: int, compression: int, content: bytes) -> bytes:
    """A picture of 48x40 in one tile, compressed to little."""
    start = 8 + 2 + 12 * 11 + 4
    fields = [(256, 3, 1, 48), (257, 3, 1, 40), (258, 3, 1, 8), (259, 3, 1, compression)]
    fields += [(262, 3, 1, 1), (277, 3, 1, 1), (284, 3, 1, 1), (322, 4, 1, side)]
    fields += [(323, 4, 1, side), (324, 4, 1, start), (325, 4, 1, len(content))]
    return tiff(fields, content)


def zeros(num: int) -> bytes:
    packer = zlib.compressobj(1)
    megabyte = bytes(2**20)
    return b"".join(packer.compress(megabyte) for _ in range(num // 2**20)) + packer.flush()


def webp_on_canvas(width: int, height: int) -> bytes:
    frame = encoded("WebP", lossless=True)[12:]
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    content = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas + frame
    return b"RIFF" + struct.pack("<I", len(content)) + content


def bmp(width: int, height: int, compression: int = 0, rest: bytes = bytes(5760)) -> bytes:
    bits = 8 if compression else 24
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rest), 0, 0, 54) + header + rest


LIES: dict[str, tuple[Callable[[], bytes], type[Exception]]] = {
    "JPEG of 65,535 x 65,535": (lambda: jpeg_of_size(65_535, 65_535), PictureTooLargeError),
    "JPEG without height": (lambda: jpeg_of_size(0, 48), InvalidInputError),
    "JPEG that tells its size twice": (jpeg_telling_its_size_twice, InvalidInputError),
    "JPEG of 5,000 scans": (jpeg_of_many_scans, InvalidInputError),
    "JPEG segment beyond the end": (
        lambda: b"\xff\xd8\xff\xe1\xff\xff" + bytes(20),
        InvalidInputError,
    ),
    "PNG of 30,000 x 30,000": (lambda: png(30_000, 30_000, ROWS), PictureTooLargeError),
    "PNG of one long row": (lambda: png(900_000, 1, ROWS), PictureTooLargeError),
    "PNG larger than its data": (lambda: png(1_000, 1_000, ROWS), InvalidInputError),
    "PNG with a second, larger header": (
        lambda: png(48, 40, png(30_000, 30_000)[8:33], ROWS),
        PictureTooLargeError,
    ),
    "PNG chunk beyond the end": (
        lambda: png(48, 40)[:33] + struct.pack(">I", 2**31 - 1) + b"IDAT" + bytes(50),
        InvalidInputError,
    ),
    "PNG chunk of a negative length": (
        lambda: png(48, 40)[:33] + b"\xff\xff\xff\xffIDAT" + bytes(50),
        InvalidInputError,
    ),
    "PNG with a text that swells": (
        lambda: png(48, 40, chunk(b"zTXt", b"a\0\0" + zeros(2**27)), ROWS),
        InvalidInputError,
    ),
    "TIFF in a tile of 20,000 x 20,000": (
        lambda: tiled(20_000, 8, zeros(400_000_000)),
        PictureTooLargeError,
    ),
    "TIFF of a million strips": (
        lambda: grey_tiff((273, 4, 10**6, 200), rest=bytes(4 * 10**6)),
        InvalidInputError,
    ),
    "TIFF whose fields overlap": (
        lambda: grey_tiff(
            *((tag, 7, 10**6, 8) for tag in range(40_000, 45_000)), rest=bytes(10**6)
        ),
        InvalidInputError,
    ),
    "TIFF that tells its width twice": (
        lambda: tiff([(256, 3, 1, 48), (256, 4, 1, 10**6), (257, 3, 1, 40)]),
        InvalidInputError,
    ),
    "TIFF of 60,000 x 60,000": (
        lambda: grey_tiff((256, 4, 1, 60_000), (257, 4, 1, 60_000)),
        PictureTooLargeError,
    ),
    "TIFF without rows in a strip": (lambda: grey_tiff((278, 3, 1, 0)), InvalidInputError),
    "TIFF of 60,000 samples": (lambda: grey_tiff((277, 3, 1, 60_000)), InvalidInputError),
    "TIFF strip beyond the end": (lambda: grey_tiff((273, 4, 1, 2**31)), InvalidInputError),
    "TIFF directory beyond the end": (
        lambda: b"II*\0" + struct.pack("<I", 2**31),
        InvalidInputError,
    ),
    "TIFF by LZMA": (lambda: grey_tiff((259, 3, 1, 34925)), UnsupportedFormatError),
    "WebP on a canvas of 16,384 x 16,384": (
        lambda: webp_on_canvas(16_384, 16_384),
        PictureTooLargeError,
    ),
    "WebP on a canvas that is not its frame's": (
        lambda: webp_on_canvas(100, 100),
        InvalidInputError,
    ),
    "WebP without a picture": (lambda: b"RIFF\4\0\0\0WEBP", InvalidInputError),
    "BMP of 40,000 x 40,000": (lambda: bmp(40_000, 40_000), PictureTooLargeError),
    "BMP of -2^31 rows": (lambda: bmp(48, -(2**31)), PictureTooLargeError),
    "BMP of a negative width": (lambda: bmp(-48, 40), PictureTooLargeError),
    "BMP larger than its data": (lambda: bmp(900, 900), InvalidInputError),
    "BMP in run lengths": (lambda: bmp(48, 40, 1), UnsupportedFormatError),
}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("case", LIES)
def test_a_lie_is_refused(case: str) -> None:
    make, error = LIES[case]
    with pytest.raises(error):
        decode_image(make(), LIMIT)


HONEST: dict[str, Callable[[], bytes]] = {
    "JPEG with 15 MB of EXIF": jpeg_of_exif_alone,
    "JPEG with a frame in its notes": lambda: jpeg_with(
        segment(0xE2, jpeg_of_size(60_000, 60_000))
    ),
    "JPEG between junk": lambda: jpeg_with(b"\xff\xff\xff"),
    "TIFF of one strip": grey_tiff,
    "TIFF in a tile of 64 x 64": lambda: tiled(64, 8, zlib.compress(bytes(64 * 64))),
    "WebP on its own canvas": lambda: webp_on_canvas(48, 40),
    "BMP from the top down": lambda: bmp(48, -40),
}


@pytest.mark.parametrize("case", HONEST)
def test_what_only_looks_like_a_lie_is_read(case: str) -> None:
    assert decode_image(HONEST[case](), LIMIT).shape == (40, 48, 3)


def test_a_bmp_from_the_top_down_is_the_right_way_up() -> None:
    rows = bytes(48 * 3 * 20) + b"\xff" * (48 * 3 * 20)
    assert decode_image(bmp(48, -40, rest=rows), LIMIT)[:, 0, 0].tolist() == [0] * 20 + [255] * 20


_MEASURE = """
import importlib.util, json, re, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
spec = importlib.util.spec_from_file_location("lies", sys.argv[1])
lies = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lies)
def peak():
    # Not ru_maxrss: that begins with what the parent process had.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024
lies.decode_image(lies.encoded("PNG"), lies.LIMIT)
growth = {}
for case, make in [*((case, make) for case, (make, _) in lies.LIES.items()), *lies.HONEST.items()]:
    data = make()
    before = peak()
    try:
        lies.decode_image(data, lies.LIMIT)
    except Exception:
        pass
    growth[case] = (peak() - before) / 1e6
print(json.dumps(growth))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_no_lie_takes_much_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, __file__], capture_output=True, check=True, text=True
    )
    growth = json.loads(done.stdout)
    assert growth.keys() == LIES.keys() | HONEST.keys()
    assert {case: size for case, size in growth.items() if size > GROWTH_MB} == {}
