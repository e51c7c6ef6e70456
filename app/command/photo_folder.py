"""The photos of a folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif")
)
"""Files of other names are left out. The content of a file decides how it is read."""


@dataclass(frozen=True)
class PhotoFile:
    """A photo as it is now."""

    path: Path
    name: str
    """Its path within the folder, with slashes."""
    num_bytes: int
    modified_ns: int
    """Since 1970. A file of another size or time is another photo."""


def list_photos(folder: Path, left_out: Path) -> list[PhotoFile]:
    """All, by name. Hidden files and folders are left out.

    Args:
        folder: Searched with its folders.
        left_out: A folder that is not searched: the results may lie among the photos.

    Raises:
        OSError: A folder cannot be read.
    """
    results = left_out.resolve()
    return sorted(_walk(folder, results), key=lambda photo: photo.name)


def _walk(folder: Path, results: Path) -> Iterator[PhotoFile]:
    def refuse(error: OSError) -> None:
        raise error

    for root, folders, files in os.walk(folder, onerror=refuse):
        here = Path(root)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and (here / name).resolve() != results
        ]
        for name in files:
            path = here / name
            if path.suffix.lower() in SUFFIXES and not name.startswith("."):
                # A broken link is a photo that cannot be read.
                found = path.stat() if path.exists() else path.lstat()
                yield PhotoFile(
                    path, path.relative_to(folder).as_posix(), found.st_size, found.st_mtime_ns
                )
