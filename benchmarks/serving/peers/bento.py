"""BentoML: python -m benchmarks.serving.peers.bento WORK PORT.

As its documentation advises: on a CPU a worker a core, each with one thread, because batches do
not pay there; for a no-op adaptive batching in one worker. No access log, no tracing.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import bentoml
import torch

from benchmarks.serving import work

WORK_VARIABLE = "BENCHMARK_WORK"
"""The environment variable by which workers know what the pictures are for."""
QUIET = {"access": {"enabled": False}}
ON_CUDA = torch.cuda.is_available()


@bentoml.service(workers=1 if ON_CUDA else os.cpu_count() or 1, logging=QUIET, threads=1)
class Photos:
    """A picture in, a picture out."""

    def __init__(self) -> None:
        self.work = work.load(os.environ[WORK_VARIABLE])
        if not ON_CUDA:
            work.limit_threads(os.cpu_count() or 1)

    @bentoml.api(route="/predict")
    def predict(
        self, image: Annotated[Path, bentoml.validators.ContentType("image/jpeg")]
    ) -> Annotated[bytes, bentoml.validators.ContentType("image/png")]:
        """One picture."""
        [result] = self.work.predict([self.work.decode(image.read_bytes())])
        return self.work.encode(result)


@bentoml.service(workers=1, logging=QUIET)
class NoOp:
    """Numbers in, a document out."""

    def __init__(self) -> None:
        self.work = work.load("no-op")

    @bentoml.api(
        route="/predict", batchable=True, max_batch_size=work.MAX_BATCH, max_latency_ms=10_000
    )
    def predict(self, betas: list[list[float]]) -> list[dict[str, Any]]:
        """A batch."""
        return [work.document(result) for result in self.work.predict(betas)]


if __name__ == "__main__":
    work_name, port = sys.argv[1:]
    service = "Photos" if work_name in work.PICTURES else "NoOp"
    command = ("serve", f"benchmarks.serving.peers.bento:{service}", "--port", port, "--host")
    os.environ[WORK_VARIABLE] = work_name
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", *command, "127.0.0.1"])
