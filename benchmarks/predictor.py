"""Pictures to maps on the CPU: ours beside plain PyTorch, OpenVINO and ONNX Runtime alone.

Candidates take turns, each on one thread and on all, and the median of the rounds counts. Beside
the wall time stands the processor time, which a busy machine changes little.
"""

import importlib.util
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.openvino_alone import Run, Streams, one_stream
from model.backend.conversion import cache_folder, converted
from model.backend.occupancy import PROCESS
from model.backend.openvino_network import OpenVinoNetwork
from model.backend.quantized import quantized_path
from model.clothing.predictor import ClothingPredictor
from model.picture_predictor import PicturePredictor
from model.processors import count_threads
from model.silhouette.predictor import SilhouettePredictor

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "docs" / "photo.jpg"
CAPABILITIES: dict[str, type[PicturePredictor[Any, Any, Any]]] = {
    "silhouette": SilhouettePredictor,
    "clothing": ClothingPredictor,
}
ROUNDS = 15


def run() -> None:
    """Each capability on one thread and on all, beside the libraries; int8 where it is there."""
    threads = count_threads()
    torch.set_num_threads(1)
    for slug, kind in CAPABILITIES.items():
        path = ROOT / "checkpoints" / f"{slug}.safetensors"
        predictor = kind.from_checkpoint(path, "cpu", "float32")
        module = _plain(path, kind)
        picture = _picture(predictor)
        with torch.inference_mode():
            expected = module(picture)
        model = converted(module, predictor.input_size, cache_folder())
        ours: dict[str, Run] = {"habitus": predictor.network}
        models = {"OpenVINO": model}
        if quantized_path(path).is_file():
            narrow = kind.from_checkpoint(path, "cpu", "int8").network
            assert isinstance(narrow, OpenVinoNetwork)
            ours["habitus int8"] = narrow
            models["OpenVINO int8"] = narrow.mapped
        counts = sorted({1, threads})
        candidates = {f"{name}, alone": run for name, run in ours.items()}
        candidates |= {f"PyTorch, {n} threads": _pytorch(module, n) for n in counts}
        for name, one in models.items():
            candidates |= {f"{name}, {n} threads": one_stream(one, n) for n in counts}
        if importlib.util.find_spec("onnxruntime"):
            onnx = _exported(module, picture)
            candidates |= {f"ONNX Runtime, {n} threads": _onnx(onnx, n) for n in counts}
        print(f"{slug}, one picture of {predictor.input_size} px")
        _report(_medians(candidates, picture), candidates, picture, expected)
        busy = {name: Streams(one, threads) for name, one in models.items()}
        _busy(ours, busy, picture, threads)


def _picture(predictor: PicturePredictor[Any, Any, Any]) -> Tensor:
    with Image.open(PHOTO) as photo:
        prepared = predictor.prepare_batch([np.asarray(photo.convert("RGB"))])
    return prepared.on(torch.device("cpu"))


def _plain(path: Path, kind: type[PicturePredictor[Any, Any, Any]]) -> nn.Module:
    """The network as it was trained, with what makes maps of its output."""
    network, _, _ = kind.load_network(path)
    module: nn.Module = kind.served(network, torch.float32)
    module.network = network.to(memory_format=torch.channels_last)  # its batch norms not folded
    return module.eval().requires_grad_(False)


def _pytorch(module: nn.Module, threads: int) -> Run:
    def predict(picture: Tensor) -> Tensor:
        torch.set_num_threads(threads)
        try:
            with torch.inference_mode():
                maps: Tensor = module(picture)
            return maps
        finally:
            torch.set_num_threads(1)

    return predict


def _exported(module: nn.Module, picture: Tensor) -> bytes:
    exported = torch.onnx.export(module, (picture,), dynamo=True, verbose=False)
    assert exported is not None
    content: bytes = exported.model_proto.SerializeToString()
    return content


def _onnx(content: bytes, threads: int) -> Run:
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    [name] = [given.name for given in session.get_inputs()]
    return lambda picture: torch.from_numpy(session.run(None, {name: picture.numpy()})[0])


def _medians(
    candidates: Mapping[str, Callable[[Tensor], object]], picture: Tensor
) -> dict[str, tuple[float, float]]:
    """Seconds of wall time and of processor time."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, predict in candidates.items():
            wall, cpu = time.perf_counter(), time.process_time()
            predict(picture)
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: (statistics.median(w for w, _ in found), statistics.median(c for _, c in found))
        for name, found in times.items()
    }


def _report(
    times: Mapping[str, tuple[float, float]],
    candidates: Mapping[str, Run],
    picture: Tensor,
    expected: Tensor,
) -> None:
    ours = times["habitus, alone"]
    for name, (wall, cpu) in times.items():
        apart = float((candidates[name](picture) - expected).abs().max())
        print(
            f"  {name:<26}{wall * 1000:8.1f} ms   {cpu * 1000:8.1f} ms of processor time   "
            f"ours takes {ours[0] / wall:.2f}, {ours[1] / cpu:.2f}   apart {apart:.1e}"
        )


def _busy(
    ours: Mapping[str, Run], alone: Mapping[str, Streams], picture: Tensor, threads: int
) -> None:
    """As many callers as threads, as in a busy server, beside OpenVINO's own queue."""
    count = 2 * threads
    with ThreadPoolExecutor(threads) as pool:

        def together(network: Run, _: Tensor) -> None:
            def one(_: int) -> None:
                with PROCESS.one_more(), torch.inference_mode():
                    network(picture)

            list(pool.map(one, range(count)))

        runs: dict[str, Callable[[Tensor], object]] = {}
        for name, network in ours.items():
            runs[f"{name}, busy"] = partial(together, network)
        for name, streams in alone.items():
            runs[f"{name}, busy"] = partial(streams.run, count=count)
        times = _medians(runs, picture)
    first = times["habitus, busy"]
    for name, (wall, cpu) in times.items():
        print(
            f"  {name:<26}{count / wall:8.2f} pictures/s {cpu / count * 1000:8.1f} ms of processor "
            f"time each   ours has {wall / first[0]:.2f} of its pictures"
        )
