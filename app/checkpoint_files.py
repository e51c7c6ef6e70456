"""Whether checkpoints are there: a file that may not be read is not a missing one."""

import os
from pathlib import Path

from app.settings import ConfigurationError


def is_there(path: Path) -> bool:
    """Whether a file that can be read, or a folder, is there.

    Raises:
        ConfigurationError: It is there and cannot be read, or a folder on the way cannot be.
    """
    try:
        if not path.is_dir():
            path.open("rb").close()
    except FileNotFoundError:
        return False
    except OSError as error:
        user = os.geteuid() if hasattr(os, "geteuid") else "of this process"
        raise ConfigurationError(
            f"{path} cannot be read by the user {user}: {error.strerror}"
        ) from error
    return True
