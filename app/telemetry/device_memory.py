"""The memory of CUDA devices, asked for when Prometheus asks."""

import logging
from collections.abc import Callable, Iterator, Sequence

import torch
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_log = logging.getLogger(__name__)


def cuda_memory(device: str) -> dict[str, int]:
    """Bytes by kind: what tensors fill, what this process holds, what is free, what there is."""
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
                # A device that has failed for good must not take the other metrics along.
                _log.warning("the memory of %s cannot be read: %s", device, error)
                continue
            for kind, num_bytes in memory.items():
                family.add_metric([device, kind], num_bytes)
        yield family
