"""Weights that others publish as torch files."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from model.errors import AssetError


def load_torch_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of one known file, by name.

    Nothing is read from a file with other bytes than the expected ones, and torch's restricted
    unpickler reads the others.

    Args:
        path: The file.
        sha256: Of its bytes, in hexadecimal.

    Raises:
        FileNotFoundError: It is not there.
        AssetError: It is another file.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise AssetError(f"{path.name} has the SHA-256 {found}; {sha256} was expected")
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights
