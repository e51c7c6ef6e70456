import io
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence

import httpx
import numpy as np
import pytest
from PIL import Image

from app.predictors import Predictors
from app.telemetry import configure_logging, request_id_of
from model.body.predictor import BodyMesh, BodyParameters, BodyPredictor
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import SilhouetteConfidence, SilhouettePredictor


@pytest.mark.parametrize("offered", ["a", "abc-123_X.9", "f" * 64])
def test_a_well_formed_request_id_is_kept(client: httpx.Client, offered: str) -> None:
    response = client.get("/health/live", headers={"X-Request-ID": offered})
    assert response.headers["x-request-id"] == offered


@pytest.mark.parametrize("offered", [None, "", "a b", "a\nb", "<script>", "f" * 65, "é", "a\n"])
def test_any_other_request_id_is_replaced(offered: str | None) -> None:
    assert re.fullmatch("[0-9a-f]{32}", request_id_of(offered))


def test_requests_without_an_id_get_different_ones(client: httpx.Client) -> None:
    ids = {client.get("/nowhere").json()["instance"] for _ in range(5)}
    assert len(ids) == 5


def test_unknown_paths_and_methods_are_problems(client: httpx.Client) -> None:
    missing = client.get("/nowhere")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"
    assert "/nowhere" in missing.json()["detail"]
    wrong = client.get("/mesh")
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "POST"
    assert wrong.json()["detail"] == "/mesh does not take GET; it takes POST"


def test_one_line_is_logged_for_each_request(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "app.telemetry"):
        client.post("/mesh?secret=1", json={"betas": []}, headers={"X-Request-ID": "line-1"})
        client.get("/health/live")  # the line is written after the answer, but before the next
    lines = [record for record in caplog.records if getattr(record, "path", None) == "/mesh"]
    assert len(lines) == 1
    line = lines[0].__dict__
    assert line["msg"] == "request"
    assert line["request_id"] == "line-1"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/mesh", 422)
    assert line["duration_ms"] > 0


def test_metrics_count_requests_by_route_and_never_by_path(
    start: Callable[..., httpx.Client], tiny_body: BodyPredictor
) -> None:
    client = start(Predictors(body=tiny_body))
    client.post("/mesh", json={"betas": [1]})
    client.post("/mesh", json={"betas": []})
    for number in range(3):
        client.get(f"/nowhere/{number}")
    client.request("PROPFIND", "/mesh")
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    for line in (
        'habitus_requests_total{method="POST",route="/mesh",status="200"} 1.0',
        'habitus_requests_total{method="POST",route="/mesh",status="422"} 1.0',
        'habitus_requests_total{method="GET",route="unmatched",status="404"} 3.0',
        'habitus_capability_loaded{capability="body"} 1.0',
        'habitus_capability_loaded{capability="silhouette"} 0.0',
        'habitus_batch_size_count{predictor="BodyPredictor"} 1.0',
        "habitus_admitted_items 0.0",
    ):
        assert line in response.text.splitlines()
    assert 'method="other"' in response.text
    assert "nowhere" not in response.text
    assert "PROPFIND" not in response.text


class BrokenBody(BodyPredictor):
    """A predictor with a bug."""

    def predict_batch(self, items: Sequence[BodyParameters]) -> list[BodyMesh]:
        raise ZeroDivisionError("a secret of ours")


def test_a_bug_is_a_problem_document_that_tells_the_log_and_not_the_client(
    start: Callable[..., httpx.Client],
    tiny_body: BodyPredictor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = start(Predictors(body=BrokenBody(tiny_body.smpl)))
    response = client.post("/mesh", json={"betas": [1]}, headers={"X-Request-ID": "bug-1"})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == "bug-1"
    assert response.json()["instance"] == "bug-1"
    assert "secret" not in response.text
    [record] = [record for record in caplog.records if record.name == "app.errors"]
    assert record.__dict__["request_id"] == "bug-1"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


class SlowSilhouette(SilhouettePredictor):
    """A predictor that a test holds up."""

    def __init__(self, release: Callable[[], object]) -> None:
        super().__init__(StackedHourglass(HourglassConfig(1, 4, 1)), 32)
        self.release = release

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        self.release()
        return super().predict_batch(images)


def test_a_full_queue_answers_503_at_once_and_health_goes_on(
    start: Callable[..., httpx.Client], photo: Image.Image
) -> None:
    opened, entered = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert opened.wait(20)

    client = start(Predictors(silhouette=SlowSilhouette(hold)), max_queue=1)
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    files = {"image": buffer.getvalue()}
    answers: list[httpx.Response] = []
    first = threading.Thread(target=lambda: answers.append(client.post("/confidence", files=files)))
    first.start()
    assert entered.wait(20)
    started = time.perf_counter()
    refused = client.post("/confidence", files=files)
    assert time.perf_counter() - started < 1
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["type"] == "urn:habitus:queue-full"
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 200
    opened.set()
    first.join()
    assert [answer.status_code for answer in answers] == [200]
    assert client.post("/confidence", files=files).status_code == 200
    assert 'habitus_refused_items_total{reason="queue_full"} 1.0' in client.get("/metrics").text


def test_a_passed_deadline_answers_504(
    start: Callable[..., httpx.Client], photo: Image.Image
) -> None:
    opened = threading.Event()
    client = start(Predictors(silhouette=SlowSilhouette(opened.wait)), timeout_s=0.1)
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    response = client.post("/confidence", files={"image": buffer.getvalue()})
    opened.set()
    assert response.status_code == 504
    assert "0.1 s" in response.json()["detail"]


def test_without_any_capability_the_server_lives_and_is_not_ready(
    start: Callable[..., httpx.Client],
) -> None:
    client = start(Predictors())
    assert client.get("/health/live").json() == {"status": "alive"}
    ready = client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.headers["content-type"] == "application/problem+json"
    assert "python -m training fit silhouette" in ready.json()["detail"]
    states = client.get("/models").json()["capabilities"]
    assert [state["loaded"] for state in states] == [False, False]
    assert "python -m training assets body" in states[1]["reason"]


def test_log_lines_are_json_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        configure_logging("json")
        logging.getLogger("somewhere").warning("a %s", "message", extra={"request_id": "x"})
        try:
            raise ValueError("boom")
        except ValueError:
            logging.getLogger("uvicorn.error").exception("it failed")
    finally:
        logging.captureWarnings(False)
        root.handlers[:], root.level = handlers, level
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first["event"] == "a message"
    assert (first["level"], first["logger"], first["request_id"]) == ("warning", "somewhere", "x")
    assert "ValueError: boom" in second["exception"]
