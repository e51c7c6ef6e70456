"""A user's own photo."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from model.errors import InvalidInputError


def read_photo(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, upright.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It cannot be decoded.
    """
    try:
        with Image.open(path) as picture:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read as a picture: {error}") from error
