"""Reads photos as the service does, and other pictures as they are stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from model.errors import InvalidInputError, PictureTooLargeError, UnsupportedFormatError
from model.picture_file.reader import decode_picture


def read_photo(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """RGB, upright, transparency on white.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It cannot be read, or `decode_picture` refuses it.
    """
    try:
        return decode_picture(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from error
    except (InvalidInputError, PictureTooLargeError, UnsupportedFormatError) as error:
        raise InvalidInputError(f"{path}: {error}") from error


@contextmanager
def opened_picture(path: Path) -> Iterator[Image.Image]:
    """A mask, a picture of labels or a rendered picture, never rotated by EXIF.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It cannot be read, here or later in the block.
    """
    try:
        with Image.open(path) as picture:
            yield picture
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read as a picture: {error}") from error
