"""Millions of photos on a Ray cluster: rows of Parquet from a folder, an object store or a table.

On a head node of a cluster, or on one machine (`pip install -e '.[ray]'`):

    python -m deploy.ray_batch s3://bucket/photos --out s3://bucket/results --workers 8 --gpus 0.25

Ray Data reads, spreads the work, restarts workers and writes. A worker is a process with the
predictors; `--gpus 0.25` puts four of them on each GPU. In the folder of results:

    rows/        Parquet: `path`, the columns of `habitus predict`, the maps as PNG bytes, and the
                 checkpoints; a photo that cannot be used has its reason in `error`
    listing/     the photos that were found at the last start
    checkpoint/  the paths whose rows are written; a second start leaves them out

HABITUS_* variables that are set where this runs hold in every worker.
"""

import argparse
import asyncio
import os
import sys
from pathlib import PurePosixPath
from typing import Any, get_args, get_origin
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import ray
import torch
from anyio import to_thread
from pyarrow import fs
from ray.data import ActorPoolStrategy, DataContext
from ray.data.checkpoint import CheckpointConfig

from app.capabilities import Predictors
from app.command.photo_folder import SUFFIXES
from app.command.photo_predictor import PhotoPredictor, PhotoRow, checkpoints_of
from app.engine.batch_runner import DeviceFaultError
from app.settings import PREFIX, Settings

ROWS_PER_FILE = 512
"""Of a Parquet file of results, and of a task: what is lost when a worker is killed."""
EXIT_FAULT = 70
"""A device is lost: only a new process helps, and Ray starts one."""


def main(arguments: list[str]) -> int:
    """Run to the end; the exit code is returned."""
    options = build_parser().parse_args(arguments)
    ray.init(runtime_env={"env_vars": _variables()}, ignore_reinit_error=True)
    out = located(options.out)
    photos = _photos(located(options.photos), out)
    context = DataContext.get_current()
    context.checkpoint_config = CheckpointConfig(
        "path", f"{out}/checkpoint", delete_checkpoint_on_success=False
    )
    photos.repartition(target_num_rows_per_block=options.rows_per_file).map_batches(
        Worker,
        fn_constructor_kwargs={"device": "cuda" if options.gpus else "cpu"},
        batch_size=options.rows_per_file,
        batch_format="pyarrow",
        num_cpus=options.cpus,
        num_gpus=options.gpus,
        compute=ActorPoolStrategy(size=options.workers, max_tasks_in_flight_per_actor=2),
    ).write_parquet(f"{out}/rows")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """How much of the cluster to use."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.ray_batch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "photos",
        help="folder or URI of photos, or a Parquet file with a column `path`, or with `path` and "
        "`bytes`; paths are unique",
    )
    parser.add_argument("--out", required=True, help="folder or URI that every worker reaches")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cpus", type=float, default=1, help="of each worker; its threads too")
    parser.add_argument("--gpus", type=float, default=0, help="of each worker: 1, or 0.25, ...")
    parser.add_argument("--rows-per-file", type=int, default=ROWS_PER_FILE)
    return parser


def located(name: str) -> str:
    """A URI as it is; a path of this machine in full."""
    return name.rstrip("/") if urlsplit(name).scheme else os.path.abspath(name)  # noqa: PTH100


def _photos(source: str, out: str) -> ray.data.Dataset:
    """The paths, and the bytes where the source has them.

    The list of a folder is read as a table too, so that Ray leaves out what is done before it is
    read: a worker opens the files.
    """
    if source.endswith(".parquet"):
        with opened(source) as file:
            columns = pq.read_schema(file).names
        return ray.data.read_parquet(
            source, columns=[name for name in ("path", "bytes") if name in columns]
        )
    files, folder = fs.FileSystem.from_uri(source)
    scheme = urlsplit(source).scheme
    found = files.get_file_info(fs.FileSelector(folder, recursive=True))
    paths = sorted(
        f"{scheme}://{entry.path}" if scheme else entry.path
        for entry in found
        if entry.type == fs.FileType.File
        and PurePosixPath(entry.path).suffix.lower() in SUFFIXES
        and not PurePosixPath(entry.path).name.startswith(".")
    )
    if not paths:
        raise SystemExit(f"error: there are no photos in {source}")
    listing, folder = fs.FileSystem.from_uri(f"{out}/listing")
    listing.create_dir(folder)
    pq.write_table(pa.table({"path": paths}), f"{folder}/photos.parquet", filesystem=listing)
    return ray.data.read_parquet(f"{out}/listing/photos.parquet")


class Worker:
    """A process with the predictors. Ray restarts it where it ends, and gives its task again."""

    def __init__(self, device: str) -> None:
        settings = Settings(device=device)
        torch.set_num_threads(settings.cpu_threads)
        predictors = Predictors.load(settings)
        self._made_with = " ".join(f"{k}:{v}" for k, v in checkpoints_of(predictors).items())
        self._predictor = PhotoPredictor(predictors, settings)
        self._predictor.start()  # they end with the process
        self._schema = pa.schema(
            [
                ("path", pa.string()),
                *((name, arrow_type(kind)) for name, kind in self._predictor.columns.items()),
                *((f"{name}_png", pa.binary()) for name in self._predictor.png_names),
                ("checkpoints", pa.string()),
            ]
        )

    def __call__(self, batch: pa.Table) -> pa.Table:
        """A row for each photo."""
        photos = batch.to_pylist()
        try:
            rows = asyncio.run(self._rows(photos))
        except DeviceFaultError:
            os._exit(EXIT_FAULT)
        made = [
            {
                "path": photo["path"],
                "error": row.error,
                **row.columns,
                **{f"{name}_png": png for name, png in row.pngs.items()},
                "checkpoints": self._made_with,
            }
            for photo, row in zip(photos, rows, strict=True)
        ]
        return pa.Table.from_pylist(made, schema=self._schema)

    async def _rows(self, photos: list[dict[str, Any]]) -> list[PhotoRow]:
        rows: dict[int, PhotoRow] = {}

        async def work(number: int) -> None:
            photo = photos[number]
            try:
                data: bytes = photo.get("bytes") or await to_thread.run_sync(
                    _content, photo["path"]
                )
            except (OSError, pa.ArrowException) as error:
                rows[number] = PhotoRow(f"the file cannot be read: {error}")
            else:
                rows[number] = await self._predictor.predict(data)

        await self._predictor.for_each(range(len(photos)), work)
        return [rows[number] for number in range(len(photos))]


def arrow_type(kind: Any) -> pa.DataType:
    """Of a column of `columns`."""
    if get_origin(kind) is list:
        return pa.list_(arrow_type(*get_args(kind)))
    return {int: pa.int64(), float: pa.float64(), str: pa.string()}[kind]


def _content(path: str) -> bytes:
    with opened(located(path)) as file:
        content: bytes = file.read()
    return content


def opened(uri: str) -> Any:
    """A file for reading, wherever it is."""
    files, path = fs.FileSystem.from_uri(uri)
    return files.open_input_file(path)


def _variables() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    # As in app.__main__: OpenMP's threads must not spin while they wait.
    return {"OMP_WAIT_POLICY": "PASSIVE", **ours}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
