"""The bytes of a photo in, a row of a table out, by every capability that is loaded.

The service's engine forms the batches, so photos are predicted as fast as requests are.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
import numpy as np
from anyio import to_thread
from jaxtyping import UInt8

from app.capabilities import CLOTHING, SILHOUETTE, Capability, Predictors
from app.command import columns
from app.command.columns import Cell, Part, clothing_part, silhouette_part
from app.engine.batch_runner import DeviceFaultError, DeviceMemoryError
from app.engine.engine import Engine
from app.engine.queue import EngineClosedError
from app.settings import ConfigurationError, Settings
from app.telemetry.metrics import Metrics
from model.clothing.predictor import ClothingSegmentation
from model.errors import HabitusError
from model.picture_file.reader import decode_picture
from model.processors import count_processors
from model.silhouette.predictor import SilhouetteConfidence

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")
PHOTO_CAPABILITIES: tuple[Capability[Any], ...] = (SILHOUETTE, CLOTHING)
"""Those that look at photos."""


def checkpoints_of(predictors: Predictors) -> dict[str, str]:
    """The digest of each loaded checkpoint that photos are predicted by, by slug.

    Raises:
        ConfigurationError: There is none.
    """
    loaded = {row.slug: predictors.get(row) for row in PHOTO_CAPABILITIES}
    found = {slug: one.header.sha256 for slug, one in loaded.items() if one is not None}
    if not found:
        raise ConfigurationError(" ".join(row.absence for row in PHOTO_CAPABILITIES))
    return found


@dataclass(frozen=True)
class PhotoRow:
    """What became of a photo."""

    error: str | None
    """Why there is nothing else; None if all went well."""
    columns: dict[str, Cell] = field(default_factory=dict)
    pngs: dict[str, bytes] = field(default_factory=dict)


class PhotoPredictor:
    """The predictors and the engine that runs them."""

    def __init__(self, predictors: Predictors, settings: Settings) -> None:
        devices = predictors.devices()
        self._predictors = predictors
        self._max_pixels = settings.max_pixels
        self._threads = anyio.CapacityLimiter(count_processors())
        """Decode and encode pictures."""
        self._engine = Engine(Metrics(), devices, max_batch=settings.max_batch)
        batches = [max(device.limits.values(), default=settings.max_batch) for device in devices]
        self._num_in_flight = 3 * sum(batches)
        """As many photos at once keep the devices busy: a batch is decoded, one is predicted, and
        one is encoded."""

        has = {row: predictors.get(row) is not None for row in PHOTO_CAPABILITIES}
        self.columns: dict[str, Any] = {
            **columns.PHOTO_COLUMNS,
            **(columns.SILHOUETTE_COLUMNS if has[SILHOUETTE] else {}),
            **(columns.CLOTHING_COLUMNS if has[CLOTHING] else {}),
        }
        """The type of each column of a row."""
        self.png_names = [
            *([columns.CONFIDENCE] if has[SILHOUETTE] else []),
            *([columns.CLOTHING] if has[CLOTHING] else []),
        ]

    def start(self) -> None:
        """Start the devices' threads."""
        self._engine.start()

    @contextmanager
    def running(self) -> Iterator[None]:
        """The devices' threads run while the block does."""
        self.start()
        try:
            yield
        finally:
            self._engine.close()

    async def for_each(
        self, items: Iterable[_Item], work: Callable[[_Item], Awaitable[None]]
    ) -> None:
        """Call `work` for each item, for as many at once as keep the devices busy."""
        waiting = iter(items)

        async def work_on() -> None:
            for item in waiting:
                await work(item)

        await asyncio.gather(*(work_on() for _ in range(self._num_in_flight)))

    async def predict(self, data: bytes) -> PhotoRow:
        """The row of a photo. A photo that cannot be used has a row that says why.

        Args:
            data: The picture file.

        Raises:
            DeviceFaultError: A device is lost; only a new process helps.
            EngineClosedError: The devices' threads do not run.
        """
        try:
            return await self._predict(data)
        except (DeviceFaultError, EngineClosedError):
            raise
        except (HabitusError, DeviceMemoryError) as error:
            return PhotoRow(str(error))
        except Exception as error:  # noqa: BLE001  (one photo of many does not end the run)
            _log.exception("a photo failed")
            return PhotoRow(f"{type(error).__name__}: {error}")

    async def _predict(self, data: bytes) -> PhotoRow:
        image = await to_thread.run_sync(
            decode_picture, data, self._max_pixels, limiter=self._threads
        )
        height, width, _ = image.shape
        seen: SilhouetteConfidence | None
        worn: ClothingSegmentation | None
        seen, worn = await asyncio.gather(self._of(SILHOUETTE, image), self._of(CLOTHING, image))

        def parts() -> list[Part]:
            made = [] if seen is None else [silhouette_part(seen)]
            return made if worn is None else [*made, clothing_part(worn, seen)]

        row = PhotoRow(None, {"height": height, "width": width})
        for part in await to_thread.run_sync(parts, limiter=self._threads):
            row.columns.update(part.columns)
            row.pngs.update(part.pngs)
        return row

    async def _of(self, capability: Capability[Any], image: UInt8[np.ndarray, "H W 3"]) -> Any:
        """The capability's result; None where it is not loaded."""
        predictor = self._predictors.get(capability)
        return None if predictor is None else await self._engine.submit(predictor, image)
