"""OpenTelemetry through FastAPI's own support, with exporters that keep what they get."""

import asyncio

import httpx
import pytest

from app.capabilities import Predictors
from app.main import create_app
from app.settings import Settings
from model.body.predictor import BodyPredictor

pytest.importorskip("opentelemetry.sdk", reason="the extra `otel` is not installed")

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"


def test_a_request_is_a_span_of_its_clients_trace_with_its_stages(
    tiny_body: BodyPredictor,
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    app = create_app(Settings(), load=lambda _: Predictors(body=tiny_body))
    # The provider of the whole process can be set once only, and would watch all other tests.
    app._telemetry["tracer_provider"] = provider

    async def ask() -> None:
        async with app.router.lifespan_context(app):
            while app.state.service.engine.unready is not None:
                await asyncio.sleep(0.01)
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as client:
                headers = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01", "X-Request-ID": "r-1"}
                answer = await client.post("/mesh", json={"betas": [1]}, headers=headers)
                assert answer.status_code == 200
                await client.get("/health/live")
                await client.get("/metrics")

    asyncio.run(ask())
    spans = exporter.get_finished_spans()
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE_ID}
    [server] = [span for span in spans if span.kind is trace.SpanKind.SERVER]
    assert server.name == "POST /mesh"
    assert server.parent is not None
    assert f"{server.parent.span_id:016x}" == SPAN_ID
    attributes = server.attributes
    assert attributes is not None
    assert attributes["http.response.status_code"] == 200
    assert attributes["habitus.request_id"] == "r-1"
    assert attributes["habitus.batch_size"] == 1
    for stage in ("queue", "predict", "encode"):
        duration = attributes[f"habitus.{stage}.duration"]
        assert isinstance(duration, float)
        assert duration >= 0
