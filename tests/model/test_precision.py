"""Which processors are given bfloat16."""

import pytest
import torch

from model.precision import cpu_prefers_bfloat16


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        pytest.param({"cpu_name": "AMD Zen 4", "avx512_bf16": True}, True, id="instructions"),
        pytest.param({"cpu_name": "AMD Zen 2", "avx512_bf16": False}, False, id="neither"),
        pytest.param(
            {"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, True, id="tiles"
        ),
        pytest.param(
            {"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False},
            False,
            id="tiles hidden by a virtual machine",
        ),
        pytest.param({}, False, id="unknown"),
    ],
)
def test_bfloat16_is_taken_where_it_is_quicker(
    capabilities: dict[str, object], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert cpu_prefers_bfloat16() is expected


def test_a_torch_that_does_not_say_what_the_processor_can_computes_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not cpu_prefers_bfloat16()
