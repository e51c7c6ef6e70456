"""Files that are there whole or not at all."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.errors import HabitusError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says when a disk, a quota or a file's largest size is exhausted."""


class StorageError(HabitusError):
    """The disk does not take what is to be written."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A block that writes a file.

    Raises:
        StorageError: The disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageError(f"{path} cannot be written: {error.strerror}") from error
        raise


@contextmanager
def replacing(path: Path, previous: Path | None = None) -> Iterator[Path]:
    """A temporary path in the same folder that takes the place of `path` when the block succeeds.

    Args:
        path: Its folder is made where it is missing.
        previous: Where what was at `path` goes; nowhere when left out.

    Raises:
        StorageError: The disk is full; what was at `path` before is still there.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix
        )
        os.close(descriptor)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            _sync(temporary)
            if previous is not None and path.exists():
                path.replace(previous)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def leftovers(path: Path) -> list[Path]:
    """Temporary files of `path` from processes that were killed while they wrote."""
    return sorted(path.parent.glob(f".{path.stem}.*{path.suffix}"))


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text)


def _sync(path: Path) -> None:
    """Bring a file to the disk. Some file systems only now say that they are full."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())
