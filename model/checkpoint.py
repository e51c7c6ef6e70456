"""A safetensors file whose header rebuilds what is in it.

Nothing in a checkpoint can execute: the tensors are plain bytes and the header is JSON text.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.atomic import replacing
from model.errors import CheckpointError, StorageError

FORMAT = "habitus-checkpoint-2"


@dataclass(frozen=True)
class TrainingPart:
    """One part of how the tensors were made: a run, or what was done to its weights."""

    recipe: dict[str, Any]
    """Its settings, and its command line as `command`."""
    commit: str
    """Of the code; `unknown` where it was not recorded."""
    data: str
    """What was learned from, with licences, in words; weights of others that it started from."""
    steps: int
    """Optimisation steps behind the weights that were kept; 0 where nothing was optimised."""


@dataclass(frozen=True)
class CheckpointHeader:
    """What a checkpoint says of itself."""

    architecture: str
    """Which network or asset the tensors belong to, e.g. `stacked-hourglass`."""
    config: dict[str, Any]
    """Everything needed to rebuild the network."""
    lineage: tuple[TrainingPart, ...]
    """Every part of the training, the newest last; at least one."""
    metrics: dict[str, Any]
    """Numbers measured on held-out data."""
    licence: str
    """SPDX identifier of the tensors' licence."""
    sha256: str = ""
    """Digest of the tensors, filled in when saving."""
    format: str = field(default=FORMAT)
    """Version of this header."""

    @property
    def commit(self) -> str:
        """Of the code that made the newest part."""
        return self.lineage[-1].commit

    @property
    def trained_on(self) -> str:
        """What all parts learned from, each said once, the newest first."""
        return "; ".join(dict.fromkeys(part.data for part in reversed(self.lineage)))


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes, in the order of the names."""
    sha = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        if tensor.numel():
            # An empty tensor has no bytes to be seen as others.
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


def load_header(path: Path) -> CheckpointHeader:
    """Read a checkpoint's header and none of its tensors.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is no checkpoint.
    """
    return _read(path, with_tensors=False)[0]


def load_checkpoint(path: Path, *architectures: str) -> tuple[CheckpointHeader, dict[str, Tensor]]:
    """Read a checkpoint onto the CPU.

    Args:
        path: The file.
        architectures: Those that it may hold.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is damaged, or holds something else.
    """
    header, tensors = _read(path, with_tensors=True)
    if header.architecture not in architectures:
        needed = " or ".join(map(repr, architectures))
        raise CheckpointError(f"{path.name} holds a {header.architecture!r}; a {needed} is needed")
    if (found := digest(tensors)) != header.sha256:
        raise CheckpointError(
            f"{path.name} is damaged: its tensors have sha256 {found[:12]}…, "
            f"its header says {header.sha256[:12]}…"
        )
    return header, tensors


def _read(path: Path, with_tensors: bool) -> tuple[CheckpointHeader, dict[str, Tensor]]:
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys() if with_tensors else ()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is not a readable safetensors file: {error}") from error
    return _parse_header(path, metadata), tensors


def _parse_header(path: Path, metadata: Mapping[str, str]) -> CheckpointHeader:
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path.name} has the header format {metadata.get('format')!r}; {FORMAT!r} is needed"
        )
    fields = {f.name: f.type for f in dataclasses.fields(CheckpointHeader)}
    _check_names(metadata, fields.keys(), f"the header of {path.name}")
    try:
        values: dict[str, Any] = {
            name: metadata[name] if kind is str else json.loads(metadata[name])
            for name, kind in fields.items()
        }
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path.name} has a header that is not JSON: {error}") from error
    for name in ("config", "metrics"):
        _check_type(values[name], dict, f"{name} of {path.name}")
    values["lineage"] = parse_lineage(values["lineage"], f"lineage of {path.name}")
    return CheckpointHeader(**values)


def parse_lineage(content: Any, source: str) -> tuple[TrainingPart, ...]:
    """The parts of a training from plain values, as JSON gives them.

    Args:
        content: A list of objects with the fields of `TrainingPart`; at least one.
        source: Where it comes from, for the message.

    Raises:
        CheckpointError: It is something else.
    """
    _check_type(content, list, source)
    if not content:
        raise CheckpointError(f"{source} is empty; at least one part is needed")
    parts = []
    for number, part in enumerate(content):
        where = f"part {number} in the {source}"
        _check_type(part, dict, where)
        _check_names(part, _PART_TYPES.keys(), where)
        for name, kind in _PART_TYPES.items():
            _check_type(part[name], kind, f"{name} of {where}")
        parts.append(TrainingPart(**part))
    return tuple(parts)


_PART_TYPES: dict[str, type] = {"recipe": dict, "commit": str, "data": str, "steps": int}


def _check_names(given: Mapping[str, Any], wanted: Set[str], where: str) -> None:
    if missing := sorted(wanted - given.keys()):
        raise CheckpointError(f"{where} lacks {', '.join(missing)}")
    if unknown := sorted(given.keys() - wanted):
        raise CheckpointError(f"{where} has the unknown fields {', '.join(unknown)}")


def _check_type(value: Any, kind: type, where: str) -> None:
    if type(value) is not kind:
        raise CheckpointError(f"{where} is {value!r:.60}; {kind.__name__} is needed")
