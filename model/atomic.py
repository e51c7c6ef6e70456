"""Files that are there whole or not at all."""

import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.errors import StorageError

REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
"""What the system says when a disk, a quota or a file's largest size is exhausted, or when a disk
is read-only."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A block that writes a file.

    Raises:
        StorageError: The disk is full or read-only.
    """
    try:
        yield
    except OSError as error:
        if error.errno in REFUSED:
            raise StorageError(f"{path} cannot be written: {error.strerror}") from error
        raise


@contextmanager
def replacing(path: Path, previous: Path | None = None) -> Iterator[Path]:
    """A temporary path whose file becomes the content of `path` when the block succeeds.

    A regular file is replaced in one step: readers see the old content or the new one. A link stays
    and the file that it names is replaced. A device, a FIFO or the process's own standard output
    cannot be replaced; the content is written into it.

    Args:
        path: Its folder is made where it is missing.
        previous: Where the file that was at `path` goes; nowhere when left out.

    Raises:
        IsADirectoryError: `path` is a folder.
        StorageError: The disk is full or read-only; what was at `path` before is still there.
    """
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if is_stream(path):
            with tempfile.TemporaryDirectory() as folder:
                temporary = Path(folder) / f"content{path.suffix}"
                yield temporary
                _pour(temporary, path)
            return
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.stem}.", suffix=target.suffix
        )
        os.close(descriptor)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            _sync(temporary)
            if previous is not None and target.exists():
                target.replace(previous)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def is_stream(path: Path) -> bool:
    """Whether a path names something that is there and is written to rather than replaced."""
    try:
        found = path.stat()
    except OSError:
        return False
    regular = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
    return not regular or _own_output(found) is not None


def leftovers(path: Path) -> list[Path]:
    """Temporary files of `path` from processes that were killed while they wrote."""
    target = Path(os.path.realpath(path))
    return sorted(target.parent.glob(f".{target.stem}.*{target.suffix}"))


def _own_output(found: os.stat_result) -> int | None:
    """The descriptor of this process's standard output or error that is this very file."""
    for descriptor in (1, 2):
        try:
            if os.path.samestat(found, os.fstat(descriptor)):
                return descriptor
        except OSError:
            continue
    return None


def _pour(source: Path, stream: Path) -> None:
    """Write a file's content into a stream; into an output of our own, after what it has."""
    own = _own_output(stream.stat())
    if own is not None:
        sys.stdout.flush()
        sys.stderr.flush()
    with (
        source.open("rb") as content,
        stream.open("wb") if own is None else os.fdopen(os.dup(own), "wb") as output,
    ):
        shutil.copyfileobj(content, output)


def _sync(path: Path) -> None:
    """Bring a file to the disk. Some file systems only now say that they are full."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())
