"""From a PyTorch module to an OpenVINO model, which is kept for the next start.

B batch, C channels, H W input size, h w a map's size.
"""

import hashlib
import inspect
import logging
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.backend.mapped_model import MappedModel, read_mapped
from model.backend.openvino_library import OpenVinoRefusedError, load_openvino

_log = logging.getLogger(__name__)
MAX_KEPT = 8
"""Converted models in the cache; the oldest are deleted."""


def cache_folder() -> Path | None:
    """`habitus/openvino` in XDG_CACHE_HOME, or in `~/.cache` where that is not set.

    None where the user has no home, as an arbitrary user of a container.
    """
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    except RuntimeError:
        return None
    return cache / "habitus/openvino"


def converted(module: nn.Module, side: int, folder: Path | None) -> MappedModel:
    """The OpenVINO model that computes a module's maps for one picture.

    Its output is (1, h, w, C): a pixel's channels lie together in memory.

    Args:
        module: Gives maps (B, C, h, w) for pictures (B, 3, H, W); in evaluation mode, float32, on
            the CPU.
        side: H and W.
        folder: Where converted models are kept; None, or one that cannot be written to, keeps none.

    Raises:
        OpenVinoRefusedError: OpenVINO is missing, or cannot convert the module.
    """
    module, example = _PixelsTogether(module), torch.zeros(1, 3, side, side)
    path = folder and folder / _key(module, side) / "model.xml"
    if path and (kept := _read(path)) is not None:
        return kept
    try:
        model = _convert(_traced(module, example), example)
    except Exception as error:
        # A converter of networks raises whatever its parts raise.
        raise OpenVinoRefusedError(f"OpenVINO cannot convert the network: {error}") from error
    if path:
        _keep(model, path)
        # Weights in a file take no memory. Those of the conversion do.
        return _read(path) or MappedModel(model)
    return MappedModel(model)


class _PixelsTogether(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B h w C"]:
        maps: Tensor = self.module(images).permute(0, 2, 3, 1)
        return maps


def _traced(module: nn.Module, example: Tensor) -> Any:
    with torch.inference_mode(), warnings.catch_warnings():
        # That tracing is deprecated, and that numbers of the shape become constants. OpenVINO
        # converts an exported program too, in three times as long. A module, because PyTorch keeps
        # what is traced of a function until the process ends.
        warnings.simplefilter("ignore")
        return torch.jit.trace(module, example, strict=False, check_trace=False)


def _convert(traced: Any, example: Tensor) -> Any:
    """By the frontend itself.

    `openvino.convert_model` sets the level of the root logger, and takes three times as long.
    """
    load_openvino()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    frontend = FrontEndManager().load_by_framework("pytorch")
    # OpenVINO calls it during the conversion and keeps no reference.
    decoder = TorchScriptPythonDecoder(traced, example_input=example)
    model = frontend.convert(frontend.load(decoder))
    model.reshape(list(example.shape))
    return model


def _key(module: nn.Module, side: int) -> str:
    """Names all that decides about the converted model: code, layers, weights, versions."""
    sha = hashlib.sha256(f"{load_openvino().__version__} {torch.__version__} {side}\n".encode())
    files = {inspect.getfile(type(part)) for part in module.modules()}
    for file in sorted(files, key=lambda name: Path(name).name):
        sha.update(Path(file).read_bytes())
    for name, part in module.named_modules():
        plain = {key: value for key, value in vars(part).items() if not key.startswith("_")}
        sha.update(f"{name} {type(part).__qualname__} {plain}\n".encode())
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        sha.update(f"{name} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()[:32]


def _read(path: Path) -> MappedModel | None:
    """The kept model; None where there is none that can be read."""
    if not path.is_file():
        return None
    try:
        path.parent.touch()  # used last
        return read_mapped(path)
    except (OSError, RuntimeError, ValueError) as error:
        _log.warning("%s cannot be read and is made again: %s", path, error)
        return None


def _keep(model: Any, path: Path) -> None:
    """Save the model in one step; of processes that do so at the same time, the first wins."""
    kept, folder = path.parent, path.parent.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as temporary:
            new = Path(temporary) / "new"
            load_openvino().save_model(model, new / path.name, compress_to_fp16=False)
            shutil.rmtree(kept, ignore_errors=True)
            new.rename(kept)
        newest = sorted(folder.glob("[!.]*"), key=lambda entry: entry.stat().st_mtime)
        for old in newest[:-MAX_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    except (OSError, RuntimeError) as error:
        _log.info("the converted network is not kept for the next start: %s", error)
