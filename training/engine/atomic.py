"""Writes text files atomically; `model.atomic` does it for other files."""

from pathlib import Path

from model.atomic import leftovers, replacing, writing
from model.errors import StorageError

__all__ = ["StorageError", "leftovers", "replacing", "write_text", "writing"]


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically.

    Raises:
        IsADirectoryError: `path` is a folder.
        StorageError: The disk is full or read-only.
    """
    with replacing(path) as temporary:
        temporary.write_text(text)
