"""Looks for checkpoints on the disk."""

import os
from pathlib import Path

from app.settings import ConfigurationError


def is_there(path: Path) -> bool:
    """Whether a readable file or a folder is there. An unreadable file is not a missing one.

    Raises:
        ConfigurationError: It, or a folder on the way, cannot be read.
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
