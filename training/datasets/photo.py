"""Photos from users and data sets, read as the service reads them."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from model.errors import InvalidInputError, PictureTooLargeError, UnsupportedFormatError
from model.picture_file.reader import decode_picture


def read_photo(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """RGB, upright, transparency laid on white.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It cannot be read, or is no picture that `decode_picture` takes.
    """
    try:
        return decode_picture(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from error
    except (InvalidInputError, PictureTooLargeError, UnsupportedFormatError) as error:
        raise InvalidInputError(f"{path}: {error}") from error
