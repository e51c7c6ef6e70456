"""A device that hangs makes the server unhealthy."""

import io
from collections.abc import Callable
from typing import Any

import httpx
from PIL import Image

from app.capabilities import Predictors


def test_a_batch_that_does_not_end_makes_the_server_unhealthy_until_it_does(
    start: Callable[..., httpx.Client], held: Any, photo: Image.Image
) -> None:
    client = start(Predictors(silhouette=held), watchdog_s=0.3, timeout_s=0.2)
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    assert client.post("/confidence", files={"image": buffer.getvalue()}).status_code == 504
    while (answer := client.get("/health/live")).status_code == 200:
        pass
    assert answer.status_code == 503
    assert "on one batch for" in answer.json()["detail"]
    for path in ("/v2/health/live", "/health/ready"):
        assert client.get(path).status_code == 503
    held.let_go.set()
    while client.get("/health/live").status_code != 200:
        pass
