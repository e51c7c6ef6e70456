# The service. Build:   docker build -t habitus .
# Without a GPU:        docker build --build-arg TORCH_BACKEND=cpu -t habitus:cpu .
ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim AS build
# A backend that uv knows (cpu, cu130, ...): torch and torchvision then come from PyTorch's own index
# for it. Empty: the build that the Python Package Index has, which is CUDA's on x86-64.
ARG TORCH_BACKEND=""
# An index of your own, instead of a backend: torch and torchvision come from there.
ARG TORCH_INDEX_URL=""
ENV VIRTUAL_ENV=/habitus/venv UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never PIP_NO_CACHE_DIR=1
WORKDIR /habitus/build
# Only what decides about the dependencies, so that a change elsewhere does not install them again.
COPY pyproject.toml constraints.txt ./
RUN pip install --root-user-action ignore --constraint constraints.txt uv && uv venv "$VIRTUAL_ENV"
# Neither source is mixed with another: where it lacks the pinned version the build fails. Triton
# compiles kernels, which the service never does; it has 0.9 GB.
RUN if [ -n "$TORCH_INDEX_URL" ]; then \
        TORCH_BACKEND="" && uv pip install --no-deps --constraint constraints.txt \
            --default-index "$TORCH_INDEX_URL" torch torchvision; \
    fi && \
    echo triton > excludes.txt && \
    uv pip install --constraint constraints.txt --excludes excludes.txt \
        ${TORCH_BACKEND:+--torch-backend "$TORCH_BACKEND"} --requirement pyproject.toml
# The package's metadata, apart from the venv, whose layer it would change; the code is copied below.
COPY README.md LICENSE ./
RUN uv pip install --no-deps --target /habitus/package .

FROM python:${PYTHON_VERSION}-slim
RUN groupadd --system --gid 10001 habitus && \
    useradd --system --uid 10001 --gid 10001 --no-create-home habitus
COPY --from=build /habitus/venv /habitus/venv
WORKDIR /habitus
COPY --from=build /habitus/package ./
COPY LICENSE LICENSE
COPY app app
COPY model model
COPY checkpoints checkpoints
# One heap of glibc's for all threads: with several, memory that pictures leave behind is not reused.
ENV PATH=/habitus/venv/bin:$PATH \
    MALLOC_ARENA_MAX=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=1 \
    HABITUS_HOST=0.0.0.0 \
    HABITUS_PORT=8000 \
    HABITUS_LOG_FORMAT=json
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['HABITUS_PORT'] + '/health/ready', timeout=4)"]
CMD ["python", "-m", "app"]
