"""What Prometheus scrapes, in base units."""

from collections.abc import Sequence
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from app.schemas.common import CapabilityState
from app.telemetry.device_memory import DeviceMemory

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one app, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        seconds = partial(Histogram, registry=self.registry, buckets=_SECONDS)
        self.requests = counter(
            "habitus_requests", "Requests answered.", ["method", "route", "status"]
        )
        self.request_seconds = seconds(
            "habitus_request_duration_seconds",
            "From the first byte of the headers to the last of the answer.",
            ["method", "route"],
        )
        self.in_progress = gauge(
            "habitus_requests_in_progress",
            "Requests whose head has arrived and whose answer is not complete.",
        )
        self.stage_seconds = seconds(
            "habitus_stage_duration_seconds",
            "Where the time of a request went: decode, queue, predict, encode.",
            ["route", "stage"],
        )
        self.received_bytes = counter("habitus_received_bytes", "Bodies received.", ["route"])
        self.sent_bytes = counter("habitus_sent_bytes", "Bodies sent.", ["route"])
        self.problems = counter(
            "habitus_problems",
            "Requests rejected or failed, by the name in the problem document's type.",
            ["reason"],
        )
        self.cancelled_requests = counter(
            "habitus_cancelled_requests",
            "Requests whose client disconnected before its answer.",
            ["route"],
        )
        self.claimed = gauge(
            "habitus_claimed_bytes",
            "Memory claimed for request bodies and for decoded pictures.",
        )
        self.admitted_requests = gauge(
            "habitus_admitted_requests",
            "Requests that hold one of the HABITUS_MAX_QUEUE places.",
        )
        self.admitted = gauge("habitus_admitted_items", "Items queued and running.")
        self.queue_depth = gauge("habitus_queue_depth", "Items that wait for a device.")
        self.queue_seconds = seconds(
            "habitus_queue_wait_seconds", "How long an item waited for the device.", ["predictor"]
        )
        self.batch_seconds = seconds(
            "habitus_batch_duration_seconds",
            "How long the device was busy with a batch.",
            ["predictor"],
        )
        self.batch_size = Histogram(
            "habitus_batch_size",
            "Items in a batch.",
            ["predictor"],
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.loaded = gauge(
            "habitus_capability_loaded",
            "1 where a capability's checkpoint is loaded.",
            ["capability"],
        )
        self.model_info = gauge(
            "habitus_model_info",
            "1 for the checkpoint of each capability that is loaded.",
            ["capability", "architecture", "commit", "sha256"],
        )

    def describe(self, states: Sequence[CapabilityState]) -> None:
        """Say what is loaded, and watch the memory of its CUDA devices."""
        for state in states:
            self.loaded.labels(state.name).set(state.loaded)
            if (card := state.checkpoint) is not None:
                self.model_info.labels(state.name, card.architecture, card.commit, card.sha256).set(
                    1
                )
        devices = {name for state in states if state.device for name in state.device.split(", ")}
        if cuda := sorted(device for device in devices if device.startswith("cuda")):
            self.registry.register(DeviceMemory(cuda))

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
