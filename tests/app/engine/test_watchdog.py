"""A device that hangs makes the server unhealthy."""

import io
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from app.capabilities import Predictors
from app.engine.watchdog import WorkClock


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


def test_the_longest_work_of_several_threads_counts() -> None:
    clock = WorkClock()
    assert clock.longest_s == 0
    with clock.working("a"):
        time.sleep(0.05)
        with clock.working("b"):
            time.sleep(0.05)
            assert clock.longest_s >= 0.1
    assert clock.longest_s == 0


def test_work_that_fails_has_ended_too() -> None:
    clock = WorkClock()
    with pytest.raises(ValueError, match="no"), clock.working("a"):
        raise ValueError("no")
    assert clock.longest_s == 0
