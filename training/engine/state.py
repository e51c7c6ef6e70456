"""Stores a training state, nested containers of tensors and plain values, in a safetensors file.

Unlike a pickle, the file holds no code. A digest detects damage.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.checkpoint import digest
from model.errors import CheckpointError
from training.engine.atomic import StorageError, replacing

FORMAT = "habitus-training-state-2"


def save_state(path: Path, state: Mapping[str, Any], previous: Path | None = None) -> None:
    """Write nested dicts, lists and tuples of tensors, numbers, texts and None, atomically.

    Args:
        path: The file.
        state: Its content.
        previous: The path that the file that was at `path` is moved to.

    Raises:
        StorageError: The disk is full; the file that was at `path` is still there.
    """
    tensors: dict[str, Tensor] = {}
    structure = json.dumps(_describe(dict(state), tensors))
    metadata = {
        "format": FORMAT,
        "structure": structure,
        "sha256": _digest_of_all(structure, tensors),
    }
    with replacing(path, previous) as temporary:
        try:
            save_file(tensors, temporary, metadata)
        except SafetensorError as error:
            raise StorageError(f"{path} cannot be written: {error}") from error


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote; tensors are on the CPU.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: It is damaged, or not a training state.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged, or not a safetensors file at all: {error}"
        ) from error
    kind, structure = metadata.get("format"), metadata.get("structure", "")
    if kind != FORMAT:
        raise CheckpointError(f"{path} has the format {kind!r}; {FORMAT!r} is needed")
    if _digest_of_all(structure, tensors) != metadata.get("sha256"):
        raise CheckpointError(f"{path} is damaged: its content does not match its digest")
    state: dict[str, Any] = _rebuild(json.loads(structure), tensors)
    return state


def _digest_of_all(structure: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over everything in the file."""
    return hashlib.sha256(f"{digest(tensors)} {structure}".encode()).hexdigest()


def _describe(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The value as JSON; each tensor is moved to `tensors` and replaced by its number."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(value, Mapping):
        # Pairs rather than a JSON object: an optimiser's state has integers for keys.
        return {"items": [[key, _describe(item, tensors)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_describe(item, tensors) for item in value]}
    if isinstance(value, list):
        return {"list": [_describe(item, tensors) for item in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"a training state cannot hold a {type(value).__name__}")


def _rebuild(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "items":
        return {key: _rebuild(item, tensors) for key, item in content}
    items = [_rebuild(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items
