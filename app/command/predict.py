"""`habitus predict`: a folder of photos to a folder of results."""

import argparse
import asyncio
import logging
import os
import sys

import torch
from anyio import to_thread
from pydantic import ValidationError
from tqdm import tqdm

from app.capabilities import Predictors
from app.command.photo_folder import PhotoFile, list_photos
from app.command.photo_predictor import PhotoPredictor, PhotoRow, checkpoints_of
from app.command.results_folder import ResultsFolder
from app.engine.batch_runner import DeviceFaultError
from app.settings import PREFIX, ConfigurationError, Settings
from model.errors import HabitusError

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


def predict(options: argparse.Namespace) -> int:
    """Predict for every photo that has no result yet; the exit code is returned."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    given = {
        name: getattr(options, name)
        for name in ("checkpoints", "device", "precision")
        if getattr(options, name) is not None
    }
    try:
        _run(options, Settings(**given))
    except ValidationError as error:
        for entry in error.errors():
            name = "".join(f"{PREFIX}{part}: ".upper() for part in entry["loc"][:1])
            _say(f"error: {name}{entry['msg'].removeprefix('Value error, ')}")
        return 1
    except (ConfigurationError, HabitusError, DeviceFaultError, OSError) as error:
        _say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        _say("stopped; the same command continues")
        return STOPPED
    return 0


def _run(options: argparse.Namespace, settings: Settings) -> None:
    if not options.photos.is_dir():
        raise ConfigurationError(f"{options.photos} is not a folder")
    photos = list_photos(options.photos, options.out)
    if not photos:
        raise ConfigurationError(f"there are no photos in {options.photos}")
    torch.set_num_threads(settings.cpu_threads)
    predictors = Predictors.load(settings)
    made_with = checkpoints_of(predictors)
    predictor = PhotoPredictor(predictors, settings)
    made_with["precision"] = settings.precision
    with ResultsFolder(options.out, made_with, list(predictor.columns)) as results:
        todo = [photo for photo in photos if not results.has(photo, options.retry_failed)]
        if len(todo) < len(photos):
            _say(f"{len(photos) - len(todo)} of {len(photos)} photos are done already")
        with predictor.running():
            asyncio.run(predict_all(predictor, todo, results))
    failed = f"; {results.num_failed} failed, and their rows say why" if results.num_failed else ""
    _say(f"{len(photos)} photos: {results.csv_path}{failed}")


async def predict_all(
    predictor: PhotoPredictor, photos: list[PhotoFile], results: ResultsFolder
) -> None:
    """Predict for photos, several at once, so that the devices are never without work.

    Raises:
        DeviceFaultError: A device is lost.
        StorageError: The disk is full or read-only.
    """
    with tqdm(total=len(photos), unit="photo", disable=None, file=sys.stderr) as progress:

        async def work(photo: PhotoFile) -> None:
            row = await _row(predictor, photo)
            await to_thread.run_sync(results.write_pngs, photo, row.pngs)
            results.add(photo, row)
            progress.update()

        await predictor.for_each(photos, work)


async def _row(predictor: PhotoPredictor, photo: PhotoFile) -> PhotoRow:
    try:
        data = await to_thread.run_sync(photo.path.read_bytes)
    except OSError as error:
        return PhotoRow(f"the file cannot be read: {os.strerror(error.errno or 0)}")
    return await predictor.predict(data)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
