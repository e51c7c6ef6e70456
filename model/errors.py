"""What data can cause.

HabitusError
├── InvalidInputError       a picture, number or mesh that cannot be used
│   └── NoPersonError       a picture that shows nobody
├── UnsupportedFormatError  a file of a format that is not read
├── PictureTooLargeError    a picture of more pixels than are read
├── CheckpointError         a checkpoint file that is damaged or of another kind
├── AssetError              a body asset that is damaged, hostile or not in SMPL format
└── StorageError            a disk that is full or read-only
"""


class HabitusError(Exception):
    """The message says what was found and what is allowed."""


class InvalidInputError(HabitusError):
    """A picture, number or mesh that cannot be used."""


class NoPersonError(InvalidInputError):
    """A picture that shows nobody."""


class CheckpointError(HabitusError):
    """A checkpoint file that is damaged or of another kind."""


class AssetError(HabitusError):
    """A body asset that is damaged, hostile or not in SMPL format."""


class StorageError(HabitusError):
    """A disk that is full or read-only."""


class UnsupportedFormatError(HabitusError):
    """A file of a format that is not read."""


class PictureTooLargeError(HabitusError):
    """A picture of more pixels than are read."""
