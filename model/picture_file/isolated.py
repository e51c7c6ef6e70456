"""AVIF and HEIC are decoded by a process of their own, with the memory and time that they need.

Their containers declare a size that the coded pixels need not have: a file of 1 kB that says 48x40
could take 1.6 GB. Pillow knows only the former before it decodes. Such a process also keeps faults
of two young decoders, and their threads, out of the server; it costs about 0.1 s.

The process runs this file alone, so it imports nothing of the package.
"""

import io
import subprocess
import sys

from PIL import AvifImagePlugin, Image

TIMEOUT_S = 20
_MEMORY, _MEMORY_PER_PIXEL = 80_000_000, 40
"""Bytes, of an interpreter and of a decoder with its copies in colours of up to 16 bits."""


def decode_isolated(data: bytes, name: str) -> Image.Image:
    """The decoded picture, RGB or RGBA.

    Raises:
        ValueError: It is damaged, or takes more memory or time than its size lets expect.
    """
    try:
        done = subprocess.run(
            [sys.executable, __file__, name],
            input=data,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"it takes longer than {TIMEOUT_S} s") from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ValueError(reason or f"its decoder ended by signal {-done.returncode}")
    head, _, pixels = done.stdout.partition(b"\n")
    mode, width, height = head.decode().split()
    return Image.frombytes(mode, (int(width), int(height)), pixels)


def open_heif(data: bytes, name: str) -> Image.Image:
    """The picture with its header read and nothing decoded.

    Raises:
        ImportError: It is HEIC, and pillow-heif is not installed.
        OSError, SyntaxError: It cannot be read.
    """
    if name == "AVIF":
        return Image.open(io.BytesIO(data), formats=["AVIF"])
    from pillow_heif import HeifImageFile  # type: ignore[import-not-found,unused-ignore]

    image: Image.Image = HeifImageFile(io.BytesIO(data))  # type: ignore[no-untyped-call]
    return image


def _main() -> None:
    import resource  # here: not every system that reads other formats has it

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    image = open_heif(sys.stdin.buffer.read(), sys.argv[1])
    limit = _MEMORY + _MEMORY_PER_PIXEL * image.width * image.height
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    sys.stdout.buffer.write(f"{image.mode} {image.width} {image.height}\n".encode())
    sys.stdout.buffer.write(image.tobytes())


if __name__ == "__main__":
    _main()
