import io
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence

import httpx
import numpy as np
import pytest
from PIL import Image

from app.capabilities import CAPABILITIES, Predictors
from app.telemetry.metrics import Metrics
from app.telemetry.request_log import request_id_of, trace_id_of
from model.body.predictor import BodyMesh, BodyParameters, BodyPredictor
from model.checkpoint import CheckpointHeader, TrainingPart
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import SilhouetteConfidence, SilhouettePredictor

LOGGER = "app.telemetry.request_log"


@pytest.mark.parametrize("offered", ["a", "abc-123_X.9", "f" * 64])
def test_a_well_formed_request_id_is_kept(client: httpx.Client, offered: str) -> None:
    response = client.get("/health/live", headers={"X-Request-ID": offered})
    assert response.headers["x-request-id"] == offered


@pytest.mark.parametrize(
    "offered", [None, "", "a b", "a\nb", "<script>", "f" * 65, "\xc3\xa9", "a\n"]
)
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


def test_one_line_is_logged_for_each_request_without_what_the_client_said(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"X-Request-ID": "line-1", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    with caplog.at_level(logging.INFO, LOGGER):
        client.post("/mesh", json={"betas": []}, headers=headers)
        client.post("/mesh?who=alice", json={"betas": [0]})
        client.get("/people/alice", headers={"X-API-Key": "alice"})
        client.get("/models")  # the line is written after the answer, but before the next
    lines = [
        record.__dict__ for record in caplog.records if record.name == "app.telemetry.request_log"
    ]
    [line] = [line for line in lines if line["request_id"] == "line-1"]
    assert line["msg"] == "request"
    assert (line["method"], line["route"], line["status"]) == ("POST", "/mesh", 422)
    assert line["trace_id"] == trace
    assert line["problem"] == "unusable-input"
    assert line["bytes_in"] == len(b'{"betas":[]}')
    assert line["bytes_out"] > 100
    assert line["duration_ms"] > 0
    assert [line["route"] for line in lines if line["status"] == 404] == ["unmatched"]
    assert "alice" not in str(lines)


def test_health_checks_and_scrapes_are_logged_only_where_they_fail(
    start: Callable[..., httpx.Client], caplog: pytest.LogCaptureFixture
) -> None:
    client = start(Predictors())  # without any capability it is alive and not ready
    with caplog.at_level(logging.INFO, LOGGER):
        for path in ("/health/live", "/v2/health/live", "/metrics", "/health/ready", "/models"):
            client.get(path)
        client.get("/models")
    lines = [
        record.__dict__ for record in caplog.records if record.name == "app.telemetry.request_log"
    ]
    assert [(line["route"], line["status"]) for line in lines][:2] == [
        ("/health/ready", 503),
        ("/models", 200),
    ]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" + "x" * 100,
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\nforged",
    ],
)
def test_a_malformed_trace_is_none(header: str | None) -> None:
    assert trace_id_of(header) is None


def test_an_answer_says_where_its_time_went_and_so_do_log_and_metrics(
    start: Callable[..., httpx.Client],
    tiny_silhouette: SilhouettePredictor,
    photo: Image.Image,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = start(Predictors(silhouette=tiny_silhouette))
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    with caplog.at_level(logging.INFO, LOGGER):
        answer = client.post("/confidence", files={"image": buffer.getvalue()})
        metrics = client.get("/metrics").text.splitlines()
    parts = dict(part.split(";dur=") for part in answer.headers["server-timing"].split(", "))
    assert list(parts) == ["decode", "queue", "predict", "encode", "total"]
    times_ms = {name: float(text) for name, text in parts.items()}
    total_ms = times_ms.pop("total")
    assert all(value >= 0 for value in times_ms.values())
    assert times_ms["predict"] > 0
    assert sum(times_ms.values()) <= total_ms + 0.1
    [line] = [r.__dict__ for r in caplog.records if r.__dict__.get("route") == "/confidence"]
    assert line["batch_size"] == 1
    assert {f"{name}_ms": line[f"{name}_ms"] for name in times_ms} == pytest.approx(
        {f"{name}_ms": value for name, value in times_ms.items()}, abs=0.011
    )
    for name in times_ms:
        counted = 'habitus_stage_duration_seconds_count{route="/confidence",stage="%s"} 1.0'
        assert counted % name in metrics
    assert f'habitus_sent_bytes_total{{route="/confidence"}} {len(answer.content)}.0' in metrics


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
        'habitus_problems_total{reason="unusable-input"} 1.0',
        'habitus_problems_total{reason="not-found"} 3.0',
        "habitus_requests_in_progress 1.0",  # the one that asks
    ):
        assert line in response.text.splitlines()
    assert 'method="other"' in response.text
    assert "nowhere" not in response.text
    assert "PROPFIND" not in response.text


class BrokenBody(BodyPredictor):
    """A predictor with a bug that its warm-up does not meet."""

    def predict_batch(self, items: Sequence[BodyParameters]) -> list[BodyMesh]:
        if any(item.betas[0] == 13 for item in items):
            raise ZeroDivisionError("a secret of ours")
        return super().predict_batch(items)


def test_a_bug_is_a_problem_document_that_tells_the_log_and_not_the_client(
    start: Callable[..., httpx.Client],
    tiny_body: BodyPredictor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = start(Predictors(body=BrokenBody(tiny_body.smpl)))
    response = client.post("/mesh", json={"betas": [13]}, headers={"X-Request-ID": "bug-1"})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == "bug-1"
    assert response.json()["instance"] == "bug-1"
    assert "secret" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    [record] = [r for r in caplog.records if r.exc_info]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


class SlowSilhouette(SilhouettePredictor):
    """A predictor that a test holds up, once it is warm."""

    def __init__(self) -> None:
        super().__init__(StackedHourglass(HourglassConfig(1, 4, 1)), 32)
        self.hold: Callable[[], object] | None = None

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        if self.hold is not None:
            self.hold()
        return super().predict_batch(images)


def test_a_full_queue_answers_503_at_once_and_health_goes_on(
    start: Callable[..., httpx.Client], photo: Image.Image
) -> None:
    opened, entered = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert opened.wait(20)

    slow = SlowSilhouette()
    client = start(Predictors(silhouette=slow), max_queue=1)
    slow.hold = hold
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    files = {"image": buffer.getvalue()}
    answers: list[httpx.Response] = []
    first = threading.Thread(target=lambda: answers.append(client.post("/confidence", files=files)))
    first.start()
    assert entered.wait(20)
    started = time.perf_counter()
    refused = client.post("/confidence", files=files)
    assert time.perf_counter() - started < 10  # the item that runs is held for 20
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["type"] == "/problems/queue-full"
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 200
    opened.set()
    first.join()
    assert [answer.status_code for answer in answers] == [200]
    assert client.post("/confidence", files=files).status_code == 200
    assert 'habitus_problems_total{reason="queue-full"} 1.0' in client.get("/metrics").text


def test_a_passed_deadline_answers_504(
    start: Callable[..., httpx.Client], photo: Image.Image
) -> None:
    opened = threading.Event()
    slow = SlowSilhouette()
    client = start(Predictors(silhouette=slow), timeout_s=0.1)
    slow.hold = opened.wait
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
    assert [state["loaded"] for state in states] == [False] * len(CAPABILITIES)
    assert "python -m training assets body" in states[1]["reason"]


def test_the_checkpoint_of_each_capability_is_a_metric(tiny_body: BodyPredictor) -> None:
    header = CheckpointHeader(
        "smpl", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0", "0f1e"
    )
    metrics = Metrics()
    metrics.describe(Predictors(body=BodyPredictor(tiny_body.smpl, header=header)).states())
    lines = metrics.text().decode().splitlines()
    labels = 'architecture="smpl",capability="body",commit="abc",sha256="0f1e"'
    assert f"habitus_model_info{{{labels}}} 1.0" in lines
    assert 'habitus_capability_loaded{capability="silhouette"} 0.0' in lines


def test_a_request_whose_client_has_gone_is_counted_as_cancelled(
    start: Callable[..., httpx.Client], photo: Image.Image, caplog: pytest.LogCaptureFixture
) -> None:
    opened, entered = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert opened.wait(20)

    slow = SlowSilhouette()
    client = start(Predictors(silhouette=slow))
    slow.hold = hold
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    address = (client.base_url.host, client.base_url.port)
    request = httpx.Request(
        "POST", f"{client.base_url}/confidence", files={"image": buffer.getvalue()}
    )
    body = request.read()
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    counted = 'habitus_cancelled_requests_total{route="/confidence"} 1.0'
    with caplog.at_level(logging.INFO, LOGGER):
        with socket.create_connection(address) as connection:
            connection.sendall(f"POST /confidence HTTP/1.1\r\n{head}\r\n".encode() + body)
            assert entered.wait(20)
        deadline = time.monotonic() + 20
        while counted not in client.get("/metrics").text and time.monotonic() < deadline:
            time.sleep(0.02)
        opened.set()
        metrics = client.get("/metrics").text
    assert counted in metrics
    assert 'habitus_requests_total{method="POST",route="/confidence",status="499"} 1.0' in metrics
    lines = [r.__dict__ for r in caplog.records if r.__dict__.get("route") == "/confidence"]
    assert [line["status"] for line in lines] == [499]
