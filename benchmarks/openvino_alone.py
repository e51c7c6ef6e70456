"""OpenVINO without Habitus around it: what the predictors and the server are measured against."""

import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import torch
from torch import Tensor

from model.backend.mapped_model import MappedModel
from model.backend.openvino_library import load_openvino

Run = Callable[[Tensor], Tensor]
"""A picture (1, 3, S, S) to its maps (1, C, h, w)."""


def one_stream(mapped: MappedModel, threads: int, precision: str = "f32") -> Run:
    """Runs a model of `model.backend.conversion` for one picture after the other."""
    request = _compiled(mapped.model, 1, threads, precision).create_infer_request()

    def predict(picture: Tensor, mapped: MappedModel = mapped) -> Tensor:  # noqa: ARG001  (lives)
        found = request.infer([picture.numpy()], share_inputs=True, share_outputs=True)[0]
        return torch.from_numpy(found).permute(0, 3, 1, 2)

    return predict


class Streams:
    """A model on as many streams as threads, each with a thread: the most pictures."""

    def __init__(self, mapped: MappedModel, threads: int, precision: str = "f32") -> None:
        self._mapped = mapped
        compiled = _compiled(mapped.model, threads, threads, precision)
        self._queue = load_openvino().AsyncInferQueue(compiled, threads)

    def run(self, picture: Tensor, count: int) -> None:
        """The maps of a picture, so many times."""
        for _ in range(count):
            self._queue.start_async([picture.numpy()], share_inputs=True)
        self._queue.wait_all()

    def pictures_per_s(self, pictures: Sequence[Tensor], seconds: float) -> float:
        """How many pictures it runs in a second, measured for about so long."""
        count, started = 0, time.perf_counter()
        for picture in cycle(pictures):
            self._queue.start_async([picture.numpy()], share_inputs=True)
            count += 1
            if time.perf_counter() - started >= seconds:
                break
        self._queue.wait_all()
        return count / (time.perf_counter() - started)


def _compiled(model: Any, streams: int, threads: int, precision: str) -> Any:
    options = {
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
    }
    return load_openvino().compile_model(model, "CPU", options)
