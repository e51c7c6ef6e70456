# Habitus, ready to serve. Build:   docker build -t habitus .
# For a machine without a GPU, name an index that holds CPU builds of PyTorch; the image is then
# several times smaller:            docker build --build-arg TORCH_INDEX_URL=https://... -t habitus .
ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim AS build
ARG TORCH_INDEX_URL=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /habitus/venv
WORKDIR /habitus/build
# Without the packages, so that a change in the code does not install PyTorch again.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN /habitus/venv/bin/pip install --constraint constraints.txt \
    ${TORCH_INDEX_URL:+--extra-index-url "$TORCH_INDEX_URL"} .

FROM python:${PYTHON_VERSION}-slim
RUN useradd --system --uid 10001 --no-create-home habitus
COPY --from=build /habitus/venv /habitus/venv
WORKDIR /habitus
COPY app app
COPY model model
COPY checkpoints checkpoints
ENV PATH=/habitus/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=1 \
    HABITUS_HOST=0.0.0.0 \
    HABITUS_PORT=8000 \
    HABITUS_LOG_FORMAT=json
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['HABITUS_PORT'] + '/health/ready', timeout=4)"]
CMD ["python", "-m", "app"]
