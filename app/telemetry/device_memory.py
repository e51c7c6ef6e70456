"""The memory of CUDA devices, read when Prometheus scrapes."""

import logging
from collections.abc import Callable, Iterator, Sequence

import torch
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_log = logging.getLogger(__name__)


def cuda_memory(device: str) -> dict[str, int]:
    """Bytes by kind: of tensors, reserved by this process, free, and in total."""
    free, total = torch.cuda.mem_get_info(device)
    return {
        "allocated": torch.cuda.memory_allocated(device),
        "reserved": torch.cuda.memory_reserved(device),
        "free": free,
        "total": total,
    }


class DeviceMemory(Collector):
    """`habitus_device_memory_bytes` of some devices."""

    def __init__(
        self, devices: Sequence[str], read: Callable[[str], dict[str, int]] = cuda_memory
    ) -> None:
        self._devices = devices
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """One value for each device and kind."""
        family = GaugeMetricFamily(
            "habitus_device_memory_bytes",
            "Memory of the CUDA device, by kind.",
            labels=["device", "kind"],
        )
        for device in self._devices:
            try:
                memory = self._read(device)
            except RuntimeError as error:
                # A failed device must not hide the other metrics.
                _log.warning("the memory of %s cannot be read: %s", device, error)
                continue
            for kind, num_bytes in memory.items():
                family.add_metric([device, kind], num_bytes)
        yield family
