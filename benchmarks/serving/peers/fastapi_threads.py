"""Plain FastAPI with run_in_threadpool, as people write it.

Run: python -m benchmarks.serving.peers.fastapi_threads WORK PORT.

Starlette's own forty threads, uvicorn with uvloop and httptools, no access log. One thread of
PyTorch in each, because forty that each take all the cores are far slower.
"""

import sys
from typing import Annotated

import uvicorn
from fastapi import FastAPI, File, Request, UploadFile
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from benchmarks.serving import work


def make_app(name: str) -> FastAPI:
    """One route."""
    job, app = work.load(name), FastAPI()
    if name in work.PICTURES:
        work.limit_threads(1_000)

    def answer(body: bytes) -> bytes:
        [result] = job.predict([job.decode(body)])
        return job.encode(result)

    if name in work.PICTURES:

        @app.post("/predict")
        async def photo(image: Annotated[UploadFile, File()]) -> Response:
            body = await run_in_threadpool(answer, await image.read())
            return Response(body, media_type=job.media_type)

    else:

        @app.post("/predict")
        async def document(request: Request) -> Response:
            body = await run_in_threadpool(answer, await request.body())
            return Response(body, media_type=job.media_type)

    return app


if __name__ == "__main__":
    work_name, port = sys.argv[1:]
    uvicorn.run(make_app(work_name), port=int(port), access_log=False, log_level="warning")
