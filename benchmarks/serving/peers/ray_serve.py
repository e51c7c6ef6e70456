"""Ray Serve: python -m benchmarks.serving.peers.ray_serve WORK PORT.

As its documentation advises for throughput: HAProxy in place of Ray's own proxy (the harness sets
RAY_SERVE_ENABLE_HA_PROXY=1), `serve.batch`, and `max_ongoing_requests` far above a batch. On a CPU
a replica a core for a network; one replica for a no-op.
"""

import os
import sys
from typing import Annotated, Any

import ray
import torch
from fastapi import FastAPI, File, Request, UploadFile
from fastapi.responses import Response
from ray import serve

from benchmarks.serving import work

ON_CUDA = torch.cuda.is_available()
app = FastAPI()


class Batcher:
    """Ray's batching around the work."""

    def __init__(self, name: str) -> None:
        self.work = work.load(name)
        if name in work.PICTURES and not ON_CUDA:
            work.limit_threads(os.cpu_count() or 1)

    @serve.batch(max_batch_size=work.MAX_BATCH, batch_wait_timeout_s=0.0)
    async def predict(self, bodies: list[bytes]) -> list[bytes]:
        """A batch."""
        results = self.work.predict([self.work.decode(body) for body in bodies])
        return [self.work.encode(result) for result in results]


@serve.ingress(app)
class Endpoint(Batcher):
    """A picture in, a picture out; or a document."""

    @app.post("/picture")
    async def picture(self, image: Annotated[UploadFile, File()]) -> Response:
        """One picture."""
        body: Any = await self.predict(await image.read())
        return Response(body, media_type=self.work.media_type)

    @app.post("/no-op")
    async def document(self, request: Request) -> Response:
        """One document."""
        body: Any = await self.predict(await request.body())
        return Response(body, media_type=self.work.media_type)


if __name__ == "__main__":
    work_name, port = sys.argv[1:]
    cores = os.cpu_count() or 1
    ray.init(num_cpus=cores, num_gpus=int(ON_CUDA), include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(port)})
    has_network = work_name in work.PICTURES
    one_a_core = has_network and not ON_CUDA
    deployment = serve.deployment(
        max_ongoing_requests=256,
        num_replicas=cores if one_a_core else 1,
        ray_actor_options={"num_cpus": 1, "num_gpus": int(ON_CUDA and has_network)},
    )(Endpoint)
    serve.run(deployment.bind(work_name), blocking=True)
