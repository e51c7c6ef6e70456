"""A picture that no predictor takes is refused before it is queued, and slows no other."""

import io
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from app.capabilities import Predictors


def encoded(size: tuple[int, int], file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, file_format, **options)
    return buffer.getvalue()


def turned() -> bytes:
    """Stored on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded((40, 8), "JPEG", exif=exif)


SMALL = {
    "PNG": encoded((8, 8), "PNG"),
    "JPEG": encoded((8, 8), "JPEG"),
    "one side": encoded((15, 400), "PNG"),
    "on its side": turned(),
}


@pytest.mark.parametrize("what", SMALL)
def test_a_picture_that_is_too_small_is_refused_though_the_device_is_busy_and_joins_no_batch(
    start: Callable[..., httpx.Client], held: Any, what: str
) -> None:
    client = start(Predictors(silhouette=held))
    good = encoded((48, 40), "PNG")
    statuses: list[int] = []

    def ask() -> None:
        with httpx.Client(base_url=client.base_url, timeout=60, trust_env=False) as other:
            statuses.append(other.post("/confidence", files={"image": good}).status_code)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    assert held.entered.wait(30)
    answer = client.post("/confidence", files={"image": SMALL[what]})
    assert answer.status_code == 422
    assert "each side must be at least 16 pixels" in answer.json()["detail"]
    held.let_go.set()
    for thread in asking:
        thread.join()
    assert statuses == [200, 200]
    assert {size for batch in held.batches for size in batch} == {(40, 48)}
