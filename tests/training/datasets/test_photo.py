import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidInputError
from model.picture_file.reader import decode_picture
from training.datasets.photo import read_photo


def test_a_command_reads_the_pixels_that_the_service_reads(
    tmp_path: Path, photo: Image.Image
) -> None:
    grey = np.asarray(photo.convert("L"))
    transparent = photo.convert("RGBA")
    transparent.putalpha(Image.fromarray(grey))
    turned = Image.Exif()
    turned[0x0112] = 6
    kinds = {
        "deep.png": (Image.fromarray(grey.astype(np.uint16) * 257), {}),
        "transparent.png": (transparent, {}),
        "inks.jpg": (photo.convert("CMYK"), {}),
        "turned.webp": (photo, {"exif": turned, "lossless": True}),
        "still.gif": (photo, {}),
    }
    for name, (picture, options) in kinds.items():
        buffer = io.BytesIO()
        picture.save(
            buffer,
            {".jpg": "JPEG"}.get(Path(name).suffix, name[-3:].replace("ebp", "WEBP")),
            **options,
        )
        (tmp_path / name).write_bytes(buffer.getvalue())
        pixels = read_photo(tmp_path / name)
        np.testing.assert_array_equal(pixels, decode_picture(buffer.getvalue()))
    deep = read_photo(tmp_path / "deep.png")
    np.testing.assert_array_equal(deep[..., 0], grey)
    black = read_photo(tmp_path / "transparent.png")[grey == 0]
    assert (black == 255).all()


def test_a_photo_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.jpg").write_text("<html>")
    with pytest.raises(
        InvalidInputError, match=f"{re.escape(str(tmp_path))}/page.jpg: the picture"
    ):
        read_photo(tmp_path / "page.jpg")
    with pytest.raises(InvalidInputError, match="cannot be read: Is a directory"):
        read_photo(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_photo(tmp_path / "nowhere.jpg")
