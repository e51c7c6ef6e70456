import logging

import pytest
import torch

from app.telemetry.device_memory import DeviceMemory, cuda_memory


def test_the_memory_of_each_device_is_a_metric_by_kind() -> None:
    memory = {"cuda:0": {"allocated": 5, "free": 7}, "cuda:1": {"allocated": 6, "free": 8}}
    [family] = DeviceMemory(["cuda:0", "cuda:1"], memory.__getitem__).collect()
    assert family.name == "habitus_device_memory_bytes"
    assert {tuple(s.labels.values()): s.value for s in family.samples} == {
        ("cuda:0", "allocated"): 5,
        ("cuda:0", "free"): 7,
        ("cuda:1", "allocated"): 6,
        ("cuda:1", "free"): 8,
    }


def test_a_lost_device_does_not_take_the_other_metrics_along(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def read(device: str) -> dict[str, int]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with caplog.at_level(logging.WARNING):
        [family] = DeviceMemory(["cuda:0"], read).collect()
    assert family.samples == []
    assert "illegal memory access" in caplog.text


@pytest.mark.cuda
def test_what_tensors_fill_is_part_of_what_the_process_holds_and_of_the_device() -> None:
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device here")
    before = cuda_memory("cuda:0")
    kept = torch.zeros(1 << 24, device="cuda:0")
    after = cuda_memory("cuda:0")
    assert after["allocated"] - before["allocated"] >= kept.nbytes
    assert after["allocated"] <= after["reserved"] <= after["total"]
    assert after["free"] < after["total"]
