"""A safetensors file whose header rebuilds what is in it.

Nothing in a checkpoint can execute: the tensors are plain bytes and the header is JSON text.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.atomic import replacing
from model.errors import CheckpointError, StorageError

FORMAT = "habitus-checkpoint-1"


@dataclass(frozen=True)
class CheckpointHeader:
    """What a checkpoint says of itself."""

    architecture: str
    """Which network or asset the tensors belong to, e.g. `stacked-hourglass`."""
    config: dict[str, Any]
    """Everything needed to rebuild the network."""
    trained_on: str
    """The data, in words."""
    metrics: dict[str, Any]
    """Numbers measured on held-out data."""
    recipe: dict[str, Any]
    """The experiment that made it."""
    commit: str
    """The commit of the code that made it."""
    licence: str
    """SPDX identifier of the tensors' licence."""
    sha256: str = ""
    """Digest of the tensors, filled in when saving."""
    format: str = field(default=FORMAT)
    """Version of this header."""


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes, in the order of the names."""
    sha = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


def in_half_precision(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are kept: a network of a few million fits into a repository so.

    Integers, as a batch norm's number of batches, stay what they are.

    Raises:
        ValueError: A number is not finite in half precision.
    """
    kept = {}
    for name, tensor in tensors.items():
        kept[name] = tensor.to(torch.float16) if tensor.is_floating_point() else tensor
        if not kept[name].isfinite().all():
            raise ValueError(f"{name} is not finite in half precision")
    return kept


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], header: CheckpointHeader) -> None:
    """Write tensors and header to `path` in one step: readers see the old file or the new one.

    Raises:
        StorageError: The disk is full or read-only; what was at `path` before is still there.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = dataclasses.replace(header, sha256=digest(contiguous))
    metadata = {
        name: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for name, value in dataclasses.asdict(header).items()
    }
    with replacing(path) as temporary:
        try:
            save_file(contiguous, temporary, metadata)
        except SafetensorError as error:
            raise StorageError(f"{path} cannot be written: {error}") from error
        _sort_metadata(temporary)


def _sort_metadata(path: Path) -> None:
    """Put the header's fields in order; safetensors writes them in a random one.

    With it the same tensors and header make the same file, byte for byte.
    """
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        assert len(text) <= length
        file.seek(8)
        file.write(text.ljust(length))


def load_checkpoint(path: Path, *architectures: str) -> tuple[CheckpointHeader, dict[str, Tensor]]:
    """Read a checkpoint onto the CPU.

    Args:
        path: The file.
        architectures: Those that it may hold.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is damaged, or holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is not a readable safetensors file: {error}") from error
    header = _parse_header(path, metadata)
    if header.architecture not in architectures:
        needed = " or ".join(map(repr, architectures))
        raise CheckpointError(f"{path.name} holds a {header.architecture!r}; a {needed} is needed")
    if (found := digest(tensors)) != header.sha256:
        raise CheckpointError(
            f"{path.name} is damaged: its tensors have sha256 {found[:12]}…, "
            f"its header says {header.sha256[:12]}…"
        )
    return header, tensors


def _parse_header(path: Path, metadata: Mapping[str, str]) -> CheckpointHeader:
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path.name} has the header format {metadata.get('format')!r}; {FORMAT!r} is needed"
        )
    fields = {f.name: f.type for f in dataclasses.fields(CheckpointHeader)}
    if missing := sorted(fields.keys() - metadata.keys()):
        raise CheckpointError(f"{path.name} lacks {', '.join(missing)} in its header")
    try:
        values: dict[str, Any] = {
            name: metadata[name] if kind is str else json.loads(metadata[name])
            for name, kind in fields.items()
        }
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path.name} has a header that is not JSON: {error}") from error
    return CheckpointHeader(**values)
