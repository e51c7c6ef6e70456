"""`habitus predict` beside its predictors alone, over 100 photos of about 0.4 megapixels.

The predictors alone are given decoded pixels, one photo after another, and their results are
dropped: no file is read or written. The command reads, decodes, predicts, encodes and writes. The
candidates take turns, a tenth of the photos at a time, and both predict at the priority that the
service's engine gives its threads.
"""

import asyncio
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image

from app.capabilities import CLOTHING, SILHOUETTE, Predictors
from app.command.photo_folder import list_photos
from app.command.photo_predictor import PhotoPredictor
from app.command.predict import predict_all
from app.command.results_folder import ResultsFolder
from app.engine.devices import Predictor, lower_priority
from app.settings import Settings
from model.picture_file.reader import decode_picture

PHOTO = Path(__file__).parents[1] / "docs" / "photo.jpg"
NUM_PHOTOS, NUM_TURNS = 100, 10
WIDTHS = range(450, 600, 10)


def run() -> None:
    """Photos a second of the folder command, as a ratio to those of the predictors alone."""
    settings = Settings()
    torch.set_num_threads(settings.cpu_threads)
    predictors = Predictors.load(settings)
    predictor = PhotoPredictor(predictors, settings)
    files = _photos()
    bare = "the predictors alone, from pixels"
    yielding = ThreadPoolExecutor(1, initializer=lower_priority)
    candidates: dict[str, Callable[[Sequence[bytes]], tuple[float, float]]] = {
        bare: lambda part: yielding.submit(_alone, predictors, part).result(),
        "habitus predict, from files to files": lambda part: _command(predictor, part),
    }
    sums = dict.fromkeys(candidates, (0.0, 0.0))
    with predictor.running():
        for measure in candidates.values():
            measure(files[:2])
        for turn in range(NUM_TURNS):
            for name, measure in candidates.items():
                wall, cpu = measure(files[turn::NUM_TURNS])
                sums[name] = sums[name][0] + wall, sums[name][1] + cpu
    print(f"{NUM_PHOTOS} photos, silhouette and clothing, {settings.device}")
    for name, (wall, cpu) in sums.items():
        print(
            f"  {name:<38}{NUM_PHOTOS / wall:7.2f} photos/s   {cpu / NUM_PHOTOS * 1000:7.1f} ms of "
            f"processor time each   speed {sums[bare][0] / wall:.2f} by the clock, "
            f"{sums[bare][1] / cpu:.2f} by processor time"
        )


def _photos() -> list[bytes]:
    files = []
    with Image.open(PHOTO) as photo:
        for number in range(NUM_PHOTOS):
            width = WIDTHS[number % len(WIDTHS)]
            buffer = io.BytesIO()
            photo.resize((width, width * photo.height // photo.width)).save(buffer, "JPEG")
            files.append(buffer.getvalue())
    return files


def _alone(predictors: Predictors, files: Sequence[bytes]) -> tuple[float, float]:
    """Seconds by the clock and of processor time."""
    images = [decode_picture(data) for data in files]
    used: list[Predictor] = [predictors.need(SILHOUETTE), predictors.need(CLOTHING)]
    started = time.perf_counter(), time.process_time()
    for image in images:
        for one in used:
            one.predict_batch([image])
    return time.perf_counter() - started[0], time.process_time() - started[1]


def _command(predictor: PhotoPredictor, files: Sequence[bytes]) -> tuple[float, float]:
    """Likewise, from listing the folder to the table of results."""
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name) / "photos", Path(name) / "results"
        folder.mkdir()
        for number, data in enumerate(files):
            (folder / f"{number:03}.jpg").write_bytes(data)
        started = time.perf_counter(), time.process_time()
        photos = list_photos(folder, out)
        with ResultsFolder(out, {}, list(predictor.columns)) as results:
            asyncio.run(predict_all(predictor, photos, results))
        spent = time.perf_counter() - started[0], time.process_time() - started[1]
        assert results.num_failed == 0
    return spent
