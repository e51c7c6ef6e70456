"""The bodies of the requests, made once: photos of several sizes, and a small JSON document."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

PHOTO = Path(__file__).resolve().parents[2] / "docs" / "photo.jpg"
SIZES = ((480, 640), (600, 800), (720, 720), (768, 1024), (1080, 1440), (640, 480))
"""Width and height. Cropped to the proportions, then resized: what phones and shops send."""
BOUNDARY = "photo-of-a-person-0123456789abcdef"


@dataclass(frozen=True)
class Bodies:
    """Files with the bodies of requests, all of one type."""

    files: tuple[Path, ...]
    content_type: str


def photos(folder: Path | None = None) -> list[bytes]:
    """JPEG files: those of a folder, or one photo in several sizes.

    Raises:
        FileNotFoundError: There is no JPEG in the folder.
    """
    if folder is not None:
        found = [path.read_bytes() for path in sorted(folder.glob("*.jp*g"))]
        if not found:
            raise FileNotFoundError(f"{folder}: there are no .jpg or .jpeg files in it")
        return found
    with Image.open(PHOTO) as photo:
        return [_jpeg(_crop(photo, width, height)) for width, height in SIZES]


def multipart_bodies(pictures: list[bytes], into: Path) -> Bodies:
    """Each picture as a form with the one field `image`."""
    head = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="image"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    bodies = [head + picture + tail for picture in pictures]
    return Bodies(_write(bodies, into), f"multipart/form-data; boundary={BOUNDARY}")


def json_bodies(document: bytes, into: Path) -> Bodies:
    """One JSON document."""
    return Bodies(_write([document], into), "application/json")


def _crop(photo: Image.Image, width: int, height: int) -> Image.Image:
    scale = min(photo.width / width, photo.height / height)
    cut = photo.crop((0, 0, round(width * scale), round(height * scale)))
    return cut.resize((width, height), Image.Resampling.LANCZOS)


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _write(bodies: list[bytes], into: Path) -> tuple[Path, ...]:
    into.mkdir(parents=True, exist_ok=True)
    files = tuple(into / f"{number}.body" for number in range(len(bodies)))
    for file, body in zip(files, bodies, strict=True):
        file.write_bytes(body)
    return files
