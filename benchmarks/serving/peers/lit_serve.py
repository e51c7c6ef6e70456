"""LitServe: python -m benchmarks.serving.peers.lit_serve WORK PORT.

As its documentation advises: batches, and on a CPU as many workers as cores for a network. The
fast queue is asked for too. A no-op has one worker: more of them only take the cores from it.
"""

import os
import sys
from typing import Any

import litserve
import torch
from fastapi import Request
from fastapi.responses import Response

from benchmarks.serving import work


class Api(litserve.LitAPI):
    """Decode, predict and encode in the worker."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(api_path="/predict", **options)
        self.name = name

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Load the network."""
        self.work = work.load(self.name)
        if self.name in work.PICTURES and not torch.cuda.is_available():
            work.limit_threads(num_workers(self.name))

    def decode_request(self, request: Request) -> Any:  # type: ignore[override,unused-ignore]
        """A form with a picture, or JSON, which LitServe has parsed: the type only says so."""
        content: Any = request
        if self.name in work.PICTURES:
            return self.work.decode(content["image"].file.read())
        return content["betas"]

    def batch(self, inputs: Any) -> Any:
        """A list is what the network takes."""
        return inputs

    def predict(self, x: Any) -> Any:
        """A batch."""
        return self.work.predict(x)

    def unbatch(self, output: Any) -> Any:
        """A list already."""
        return output

    def encode_response(self, output: Any) -> Response:
        """The finished answer."""
        return Response(self.work.encode(output), media_type=self.work.media_type)


def num_workers(name: str) -> int:
    """One a core for a network on a CPU, else one."""
    return (os.cpu_count() or 1) if name in work.PICTURES and not torch.cuda.is_available() else 1


if __name__ == "__main__":
    work_name, port = sys.argv[1:]
    server = litserve.LitServer(
        Api(work_name, max_batch_size=work.MAX_BATCH, batch_timeout=0.0),
        accelerator="auto",
        workers_per_device=num_workers(work_name),
        fast_queue=True,
    )
    server.run(
        host="127.0.0.1",
        port=int(port),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
    )
