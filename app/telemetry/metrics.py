"""What Prometheus asks for, in base units."""

from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from app.capabilities import CapabilityStatus
from app.telemetry.device_memory import DeviceMemory
from app.telemetry.request_timing import Stage, StageTimes

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one app, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # What was looked up by labels, for labels that come with every request.
        self._by_kind: dict[tuple[str, str, int], tuple[Counter, Histogram, Counter, Counter]] = {}
        self._by_stage: dict[tuple[str, Stage], Histogram] = {}
        self._by_predictor: dict[str, tuple[Histogram, Histogram, Histogram]] = {}
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "habitus_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "habitus_request_duration_seconds",
            "From the first byte of the headers to the last of the answer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.num_in_progress = 0
        Gauge(
            "habitus_requests_in_progress",
            "Requests whose head has arrived and whose answer has not left.",
            registry=self.registry,
        ).set_function(lambda: self.num_in_progress)
        self.stage_seconds = Histogram(
            "habitus_stage_duration_seconds",
            "Where the time of a request went: decode, queue, predict, encode.",
            ["route", "stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.received_bytes = Counter(
            "habitus_received_bytes", "Bodies received.", ["route"], registry=self.registry
        )
        self.sent_bytes = Counter(
            "habitus_sent_bytes", "Bodies sent.", ["route"], registry=self.registry
        )
        self.problems = Counter(
            "habitus_problems",
            "Requests rejected or failed, by the name in the problem document's type.",
            ["reason"],
            registry=self.registry,
        )
        self.cancelled_requests = Counter(
            "habitus_cancelled_requests",
            "Requests whose client went away before its answer.",
            ["route"],
            registry=self.registry,
        )
        self.closed_connections = Counter(
            "habitus_closed_connections",
            "Connections that the server closed because the client was too slow.",
            ["reason"],
            registry=self.registry,
        )
        self.claimed = Gauge(
            "habitus_claimed_bytes",
            "Memory claimed for decoded pictures and for answers that are not sent yet.",
            registry=self.registry,
        )
        self.admitted_requests = Gauge(
            "habitus_admitted_requests",
            "Requests that hold one of the HABITUS_MAX_QUEUE places.",
            registry=self.registry,
        )
        self.refused = Counter(
            "habitus_refused_items",
            "Requests refused before their items were queued, and items given up.",
            ["reason"],
            registry=self.registry,
        )
        self.admitted = Gauge(
            "habitus_admitted_items", "Items queued and running.", registry=self.registry
        )
        self.queue_depth = Gauge(
            "habitus_queue_depth", "Items that wait for a device.", registry=self.registry
        )
        self.cancelled = Counter(
            "habitus_cancelled_items",
            "Items whose client went away before the result.",
            registry=self.registry,
        )
        self.queue_seconds = Histogram(
            "habitus_queue_wait_seconds",
            "How long an item waited for the device.",
            ["predictor"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "habitus_batch_duration_seconds",
            "How long the device was busy with a batch.",
            ["predictor"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch_size = Histogram(
            "habitus_batch_size",
            "Items in a batch.",
            ["predictor"],
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.loaded = Gauge(
            "habitus_capability_loaded",
            "1 where a capability's checkpoint is loaded.",
            ["capability"],
            registry=self.registry,
        )
        self.model_info = Gauge(
            "habitus_model_info",
            "1 for the checkpoint of each capability that is loaded.",
            ["capability", "architecture", "commit", "sha256"],
            registry=self.registry,
        )

    def describe(self, statuses: Sequence[CapabilityStatus]) -> None:
        """Say what is loaded and, where that is a CUDA device, watch its memory."""
        for status in statuses:
            slug = status.capability.slug
            self.loaded.labels(slug).set(status.loaded)
            if (header := status.header) is not None:
                self.model_info.labels(slug, header.architecture, header.commit, header.sha256).set(
                    1
                )
        devices = {name for status in statuses for name in status.devices}
        if cuda := sorted(device for device in devices if device.startswith("cuda")):
            self.registry.register(DeviceMemory(cuda))

    def observe_request(
        self,
        kind: tuple[str, str, int],
        duration_s: float,
        num_received: int,
        num_sent: int,
        stages: StageTimes,
    ) -> None:
        """Count a request that has been answered.

        Args:
            kind: Method, route and status. Every value of each is seen again soon: what is
                counted for a kind is looked up once.
            duration_s: From its head to the end of its answer.
            num_received: Bytes of its body.
            num_sent: Bytes of the body of its answer.
            stages: Where the time went.
        """
        if (counted := self._by_kind.get(kind)) is None:
            method, route, status = kind
            counted = self._by_kind[kind] = (
                self.requests.labels(method, route, str(status)),
                self.request_seconds.labels(method, route),
                self.received_bytes.labels(route),
                self.sent_bytes.labels(route),
            )
        requests, seconds, received, sent = counted
        requests.inc()
        seconds.observe(duration_s)
        received.inc(num_received)
        sent.inc(num_sent)
        for stage, stage_s in stages.seconds.items():
            place = kind[1], stage
            if (observed := self._by_stage.get(place)) is None:
                observed = self._by_stage[place] = self.stage_seconds.labels(*place)
            observed.observe(stage_s)

    def observe_batch(self, predictor: str, waits_s: Sequence[float], duration_s: float) -> None:
        """Count a batch that the device has finished."""
        if (observed := self._by_predictor.get(predictor)) is None:
            observed = self._by_predictor[predictor] = (
                self.batch_size.labels(predictor),
                self.batch_seconds.labels(predictor),
                self.queue_seconds.labels(predictor),
            )
        size, duration, waited = observed
        size.observe(len(waits_s))
        duration.observe(duration_s)
        for wait_s in waits_s:
            waited.observe(wait_s)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
