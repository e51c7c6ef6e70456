"""Folders of photos that may be learned from, whatever their layout.

ccp/label_list.mat, photos/, ...   Clothing Co-Parsing, reserved photos left out
DIR/images/, labels.json           labels of the collection's own (`training.datasets.known_people`)
DIR/images/                        photos
DIR/...                            photos, in folders of any depth
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from model.errors import InvalidInputError
from training.datasets.ccp import photo_path, photos_with_labels
from training.datasets.known_people import KnownPeople, read_known_people
from training.datasets.listing import is_hidden
from training.datasets.splits import Split, everyday_photo_split, is_reserved, photo_split

PIXEL_LEVEL = "annotations/pixel-level"
LEVELS = (PIXEL_LEVEL, "annotations/image-level")
"""Folders of Clothing Co-Parsing's labels."""
ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class PhotoFolder:
    """The photos of one folder."""

    name: str
    """Of the folder; the first part of its photos' keys."""
    root: Path
    photos: Mapping[str, Path]
    """Files by key, `folder/file`, in the order of the keys."""
    known: Mapping[str, KnownPeople]
    """What is said of the people in some of them, by key."""
    is_ccp: bool
    """Whether it is Clothing Co-Parsing."""
    with_pixel_labels: frozenset[str]
    """Keys of photos whose person is known from Clothing Co-Parsing's own labels."""

    def split(self, key: str) -> Split | None:
        """Of a photo; None for a reserved one."""
        stem = self.photos[key].stem
        return photo_split(int(stem)) if self.is_ccp else everyday_photo_split(self.name, stem)

    @classmethod
    def open(cls, root: Path, nobody: Sequence[str] = ()) -> "PhotoFolder":
        """List what is there.

        Args:
            root: In one of the layouts.
            nobody: Patterns of keys (`*` for anything) whose photos surely show no person.

        Raises:
            FileNotFoundError: The folder is not there.
            InvalidInputError: It holds no photo, or its labels cannot be read.
        """
        if not root.is_dir():
            raise FileNotFoundError(root)
        name = root.resolve().name
        is_ccp = (root / "label_list.mat").exists()
        photos = _ccp_photos(root) if is_ccp else _photos(root)
        if not photos:
            endings = ", ".join(sorted(ENDINGS))
            raise InvalidInputError(f"{root} holds no photos ({endings})")
        photos = {f"{name}/{file}": photos[file] for file in sorted(photos)}
        known: dict[str, KnownPeople] = {}
        if (root / "labels.json").exists():
            labels = read_known_people(root / "labels.json")
            known = {f"{name}/{file}": people for file, people in labels.items()}
        for key in photos:
            if any(fnmatch(key, pattern) for pattern in nobody):
                known[key] = KnownPeople(nobody=True)
        labelled: frozenset[str] = frozenset()
        if is_ccp:
            numbers = photos_with_labels(root, root / PIXEL_LEVEL)
            labelled = frozenset(f"{name}/{photo_path(root, number).name}" for number in numbers)
        return cls(name, root, photos, known, is_ccp, labelled & photos.keys())


def open_folders(roots: Sequence[Path], nobody: Sequence[str] = ()) -> list[PhotoFolder]:
    """Several; see `PhotoFolder.open`.

    Raises:
        FileNotFoundError: A folder is not there.
        InvalidInputError: One cannot be used, two have one name, or a pattern fits no photo.
    """
    folders = [PhotoFolder.open(root, nobody) for root in roots]
    names = [folder.name for folder in folders]
    for folder in folders:
        if names.count(folder.name) > 1:
            raise InvalidInputError(f"two folders are named {folder.name}; keys would be the same")
    keys = [key for folder in folders for key in folder.photos]
    for pattern in nobody:
        if not any(fnmatch(key, pattern) for key in keys):
            raise InvalidInputError(f"no photo is named {pattern}; photos are named like {keys[0]}")
    return folders


def _ccp_photos(root: Path) -> dict[str, Path]:
    """Files by name: photos with tags or pixel labels that are not reserved."""
    numbers = {n for folder in LEVELS for n in photos_with_labels(root, root / folder)}
    paths = (photo_path(root, number) for number in numbers if not is_reserved(number))
    return {path.name: path for path in paths}


def _photos(root: Path) -> dict[str, Path]:
    """Files by their path below the folder that holds them."""
    top = root / "images" if (root / "images").is_dir() else root
    found = {
        path.relative_to(top): path
        for path in top.rglob("*")
        if path.suffix.lower() in ENDINGS and path.is_file()
    }
    return {
        relative.as_posix(): path
        for relative, path in found.items()
        if not any(is_hidden(Path(part)) for part in relative.parts)
    }
