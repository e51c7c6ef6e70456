"""Reads arrays of numbers from an NPZ file that may come from anybody."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from model.errors import AssetError
from training.assets.foreign_arrays import Array

MAX_ARRAY_BYTES = 2**29
"""The largest array of an SMPL file, 300 shape directions, is 0.05 GB."""


class ArraysFile(Mapping[str, Array]):
    """Arrays by name, each read when it is asked for; what else the file holds is not touched."""

    def __init__(self, path: Path) -> None:
        """List the arrays.

        Raises:
            AssetError: The file is damaged.
        """
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except zipfile.BadZipFile as error:
            raise AssetError(f"{path.name} is a damaged NPZ file: {error}") from error
        self._sizes = {
            member.filename.removesuffix(".npy"): member.file_size
            for member in members
            if member.filename.endswith(".npy")
        }
        self._others = len(members) - len(self._sizes)

    def are_all(self) -> bool:
        """Whether the file holds arrays only: others are ZIP archives of something else."""
        return bool(self) and self._others == 0

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sizes)

    def __getitem__(self, name: str) -> Array:
        """One array.

        Raises:
            KeyError: There is none of that name.
            AssetError: It is damaged, too large, or holds Python objects.
        """
        if (size := self._sizes[name]) > MAX_ARRAY_BYTES:
            raise AssetError(f"{name} has {size:,} bytes; at most {MAX_ARRAY_BYTES:,} are read")
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                array: Array = arrays[name]
                return array
        except ValueError as error:
            if "allow_pickle" in str(error):
                raise AssetError(
                    f"{name} is kept as Python objects inside of the NPZ file, which are not read; "
                    "give the .pkl file"
                ) from error
            raise AssetError(f"{name} cannot be read: {error}") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, MemoryError) as error:
            raise AssetError(f"{name} cannot be read: {error}") from error
