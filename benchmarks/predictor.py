"""Pictures to maps on the CPU: ours beside plain PyTorch, OpenVINO and ONNX Runtime alone.

Candidates take turns, each on one thread and on all, and the median of the rounds counts. Beside
the wall time stands the processor time, which a busy machine changes little.
"""

import importlib.util
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from model.backend.conversion import cache_folder, converted
from model.backend.occupancy import PROCESS
from model.backend.openvino_library import load_openvino
from model.checkpoint import load_checkpoint
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

Run = Callable[[Tensor], Tensor]
"""A picture (1, 3, S, S) to its maps (1, C, h, w)."""


def run() -> None:
    """Each capability, each candidate, on one thread and on all."""
    threads = count_threads()
    torch.set_num_threads(1)
    for slug, kind in CAPABILITIES.items():
        predictor = kind.from_checkpoint(ROOT / "checkpoints" / f"{slug}.safetensors")
        module = _plain(slug, kind)
        picture = _picture(predictor)
        with torch.inference_mode():
            expected = module(picture)
        candidates: dict[str, Run] = {
            "habitus, alone": predictor.network,
            **{f"PyTorch, {n} threads": _pytorch(module, n) for n in {1, threads}},
            **{f"OpenVINO, {n} threads": _openvino(module, predictor, n) for n in {1, threads}},
        }
        if importlib.util.find_spec("onnxruntime"):
            onnx = _exported(module, picture)
            candidates |= {f"ONNX Runtime, {n} threads": _onnx(onnx, n) for n in {1, threads}}
        print(f"{slug}, one picture of {predictor.input_size} px, {predictor.network.dtype}")
        _report(_medians(candidates, picture), candidates, picture, expected)
        _busy(predictor.network, _openvino_streams(module, predictor, threads), picture, threads)


def _picture(predictor: PicturePredictor[Any, Any, Any]) -> Tensor:
    with Image.open(PHOTO) as photo:
        prepared = predictor.prepare_batch([np.asarray(photo.convert("RGB"))])
    return prepared.on(torch.device("cpu"))


def _plain(slug: str, kind: type[PicturePredictor[Any, Any, Any]]) -> nn.Module:
    """The network as it was trained, with no more than what makes maps of its output."""
    path = ROOT / "checkpoints" / f"{slug}.safetensors"
    header, tensors = load_checkpoint(path, *kind.ARCHITECTURES)
    network = kind.rebuilt(header)
    network.load_state_dict(tensors)
    return _Maps(network, slug).eval().requires_grad_(False)


class _Maps(nn.Module):
    def __init__(self, network: nn.Module, slug: str) -> None:
        super().__init__()
        self.network = network
        self.slug = slug

    def forward(self, images: Tensor) -> Tensor:
        last: Tensor = self.network(images)[-1]
        return last.clamp(0, 1) if self.slug == "silhouette" else last.softmax(1)


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


def _compiled(
    module: nn.Module, predictor: PicturePredictor[Any, Any, Any], streams: int, threads: int
) -> Any:
    model = converted(module, predictor.input_size, cache_folder()).model
    return load_openvino().compile_model(
        model,
        "CPU",
        {
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
        },
    )


def _openvino(module: nn.Module, predictor: PicturePredictor[Any, Any, Any], threads: int) -> Run:
    request = _compiled(module, predictor, 1, threads).create_infer_request()

    def predict(picture: Tensor) -> Tensor:
        found = request.infer([picture.numpy()], share_inputs=True, share_outputs=True)[0]
        return torch.from_numpy(found).permute(0, 3, 1, 2)

    return predict


def _openvino_streams(
    module: nn.Module, predictor: PicturePredictor[Any, Any, Any], threads: int
) -> Callable[[Tensor, int], None]:
    queue = load_openvino().AsyncInferQueue(_compiled(module, predictor, threads, threads), threads)

    def predict(picture: Tensor, count: int) -> None:
        for _ in range(count):
            queue.start_async([picture.numpy()], share_inputs=True)
        queue.wait_all()

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


def _medians(candidates: Mapping[str, Run], picture: Tensor) -> dict[str, tuple[float, float]]:
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
            f"  {name:<24}{wall * 1000:8.1f} ms   {cpu * 1000:8.1f} ms of processor time   "
            f"ours takes {ours[0] / wall:.2f}, {ours[1] / cpu:.2f}   apart {apart:.1e}"
        )


def _busy(
    network: Run, alone: Callable[[Tensor, int], None], picture: Tensor, threads: int
) -> None:
    """As many callers as threads, as in a busy server, beside OpenVINO's own queue."""
    count = 2 * threads

    def one(_: int) -> None:
        with PROCESS.one_more(), torch.inference_mode():
            network(picture)

    with ThreadPoolExecutor(threads) as pool:
        calls: dict[str, Callable[[], object]] = {
            "habitus, busy": lambda: list(pool.map(one, range(count))),
            "OpenVINO, busy": lambda: alone(picture, count),
        }
        runs = {name: (lambda _, call=call: call()) for name, call in calls.items()}  # type: ignore[misc]
        times = _medians(runs, picture)
    ours = times["habitus, busy"]
    for name, (wall, cpu) in times.items():
        print(
            f"  {name:<24}{count / wall:8.2f} pictures/s {cpu / count * 1000:8.1f} ms of processor "
            f"time each   ours has {wall / ours[0]:.2f} of its pictures"
        )
